//go:build tools

// Package flux names the API packages of Flux, so that go.mod keeps them. It holds no code.
package flux

import (
	_ "github.com/fluxcd/helm-controller/api/v2"
	_ "github.com/fluxcd/kustomize-controller/api/v1"
	_ "github.com/fluxcd/source-controller/api/v1"
)
