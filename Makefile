# Needs Go, git, make and bash. All other programs are built from pinned modules into bin/.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
IMG ?= fastpix-operator:dev
# The repository of the image of a release.
REPOSITORY ?= ghcr.io/fastpix-operator/fastpix-operator
CONTAINER_TOOL ?= docker
KUBECTL ?= kubectl
# Additional flags for go test, for example TEST_FLAGS="-race -run Journal" (-race needs a C compiler).
TEST_FLAGS ?=
FUZZ_TIME ?= 30s
BENCH_ARGS ?=
CHAOS_ARGS ?=
ALERTS_ARGS ?=
E2E_ARGS ?=

# Ignore a go.work file in a parent folder: it could change the versions of dependencies.
export GOWORK := off

# If KUBEBUILDER_ASSETS is set, use that control plane instead of the one in bin/k8s. Whatever it lacks for some tests is still in bin/k8s.
ifeq ($(strip $(KUBEBUILDER_ASSETS)),)
override KUBEBUILDER_ASSETS := $(CURDIR)/bin/k8s
CONTROL_PLANE := k8s
else
CONTROL_PLANE := k8s-given
endif
CONTROLLERS := $(if $(wildcard $(KUBEBUILDER_ASSETS)/kube-controller-manager),,k8s-controllers)
# Not abspath, because the path may have spaces.
export KUBEBUILDER_ASSETS := $(if $(filter /%,$(firstword $(KUBEBUILDER_ASSETS))),,$(CURDIR)/)$(KUBEBUILDER_ASSETS)

CONTROLLER_GEN := bin/tools/controller-gen
GOLANGCI_LINT := bin/tools/golangci-lint
# The folder for generated files. hack/verify.sh sets a temporary folder, to compare without changing the work tree.
OUT ?= .
# The tests of these packages start an API server or run helm. The tests of all other packages and of test/integration/docs are unit tests.
NEED_API_SERVER := /(test/integration/.+|test/framework/controlplane|hack/chart)$$
# The tests of this package measure how fast the receiver answers during floods. Therefore no other package runs at the same time.
ALONE := ./test/integration/floods
MODULES := . hack/tools hack/kubernetes hack/kubernetes/envtest hack/node/kubernetes hack/node/containerd hack/helm hack/helmdocs hack/prometheus test/dashboards test/dashboards/kubestatemetrics test/gitops test/gitops/flux hack/release
BINARY ?= bin/fastpix-operator
PLUGIN ?= bin/kubectl-fastpix

##@ General

.PHONY: help
help: ## Show this help.
	@awk 'BEGIN {FS = ":.*##"; printf "\nUsage:\n  make \033[36m<target>\033[0m\n"} /^[a-zA-Z_0-9-]+:.*?##/ { printf "  \033[36m%-15s\033[0m %s\n", $$1, $$2 } /^##@/ { printf "\n\033[1m%s\033[0m\n", substr($$0, 5) }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/fastpix-operator, a static binary.
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=$(VERSION)" -o $(BINARY) .

.PHONY: plugin
plugin: ## Build bin/kubectl-fastpix, the plugin of kubectl. With bin in your PATH, run it as "kubectl fastpix".
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=$(VERSION)" -o $(PLUGIN) ./cmd/kubectl-fastpix
	cp cmd/kubectl-fastpix/kubectl_complete-fastpix $(dir $(PLUGIN))

.PHONY: demo
demo: build plugin $(CONTROL_PLANE) ## Show how events become resources on a real API server (the first run finds, downloads or builds it).
	CGO_ENABLED=0 go build -trimpath -o bin/demo ./hack/demo
	exec bin/demo

.PHONY: clean
clean: ## Stop the cluster and remove bin/. If the control plane was built there, the next test or demo builds it again (minutes).
	[ ! -x bin/cluster ] || bin/cluster stop
	rm -rf bin

##@ Development

.PHONY: generate
generate: tools helm-docs ## Generate deepcopy functions, docs/events.md from the catalogue of event types, docs/kubectl-fastpix.md from the plugin, and the README of the chart from its values.
	$(CONTROLLER_GEN) object:headerFile=hack/boilerplate.go.txt paths=./api/... output:object:dir=$(OUT)/api/v1alpha1
	mkdir -p $(OUT)/docs && go run ./hack/eventdocs >$(OUT)/docs/events.md
	go run ./hack/plugindocs >$(OUT)/docs/kubectl-fastpix.md
	mkdir -p $(OUT)/config/helm/fastpix-operator
	bin/helmdocs/helm-docs --dry-run --chart-search-root=config/helm --template-files=README.md.gotmpl --sort-values-order=file --log-level=warning \
		>$(OUT)/config/helm/fastpix-operator/README.md

.PHONY: manifests
manifests: tools ## Generate the CRDs, the RBAC roles of receiver, controllers and syncer, and the chart's copies of manifests.
	$(CONTROLLER_GEN) crd paths=./api/... output:crd:dir=$(OUT)/config/crd/bases
	$(CONTROLLER_GEN) rbac:roleName=fastpix-receiver paths=./webhookserver/... paths=./internal/journal/... output:rbac:dir=$(OUT)/config/rbac/receiver
	$(CONTROLLER_GEN) rbac:roleName=fastpix-controller-manager $$(go list -f 'paths={{.ImportPath}}' ./controllers/... | grep -v /controllers/sync) \
		output:rbac:dir=$(OUT)/config/rbac/controllers
	$(CONTROLLER_GEN) rbac:roleName=fastpix-syncer paths=./controllers/sync/... output:rbac:dir=$(OUT)/config/rbac/syncer
	go run ./hack/chart $(OUT)

.PHONY: fmt
fmt: tools ## Format the Go code.
	$(GOLANGCI_LINT) fmt

.PHONY: vet
vet: ## Run go vet.
	go vet ./...
	cd test/gitops && go vet ./...
	cd test/dashboards && go vet ./...
	cd hack/release && go vet ./...

.PHONY: lint
lint: tools ## Run golangci-lint, with kube-api-linter on the API types, and actionlint on the workflows.
	$(GOLANGCI_LINT) run
	cd test/gitops && $(CURDIR)/$(GOLANGCI_LINT) run
	cd test/dashboards && $(CURDIR)/$(GOLANGCI_LINT) run
	cd hack/release && $(CURDIR)/$(GOLANGCI_LINT) run
	go tool -modfile=hack/release/go.mod actionlint

.PHONY: tidy
tidy: ## Run go mod tidy in every module of this repository.
	for module in $(MODULES); do (cd "$$module" && go mod tidy); done

.PHONY: verify
verify: vet lint test-rules ## Check that generated files, formatting and modules are up to date, and test the alerts. Changes nothing.
	hack/verify.sh $(MODULES)

##@ Tests

.PHONY: test
test: build plugin $(CONTROL_PLANE) $(CONTROLLERS) helm test-gitops test-dashboards test-release test-rules ## Run all tests, on a real API server (the first run finds, downloads or builds it).
	export OPERATOR_BINARY=$(abspath $(BINARY)) PLUGIN_BINARY=$(abspath $(PLUGIN)) failed=; \
	go test -count=1 -timeout 20m $(TEST_FLAGS) $$(go list ./... | grep -vF $(ALONE:.%=%)) || failed=1; \
	go test -count=1 -timeout 20m $(TEST_FLAGS) $(ALONE) || failed=1; \
	[ -z "$$failed" ]
	@git cat-file -e "$$(sed -n 's/^const previousCommit = "\(.*\)"$$/\1/p' test/integration/upgrade/previous/release_test.go)^{commit}" 2>/dev/null || \
		echo "make test: NOT CHECKED: upgrades from the previous release. They need the history of git: use a full clone" >&2

.PHONY: test-gitops
test-gitops: $(CONTROL_PLANE) helm ## Run the tests of config/gitops, with the health checks of Flux and Argo CD.
	cd test/gitops && go test -count=1 $(TEST_FLAGS) ./...

.PHONY: test-dashboards
test-dashboards: ## Check the queries of the dashboards.
	cd test/dashboards && go test -count=1 $(TEST_FLAGS) . ./picture

# -trimpath, so that the test of the configuration with the library shares what build.sh compiles.
.PHONY: dashboards
dashboards: build $(CONTROL_PLANE) prometheus kube-state-metrics ## Check that every panel of the dashboards shows what happens, and draw docs/dashboard-*.svg (about 2 minutes).
	cd test/dashboards/kubestatemetrics && go test -trimpath -count=1 $(TEST_FLAGS) ./...
	cd test/dashboards && OPERATOR_BINARY=$(abspath $(BINARY)) go test -count=1 -v -timeout 10m ./live -args -pictures=docs

.PHONY: test-rules
test-rules: promtool ## Check the rules of Prometheus, and test that each alert fires and does not fire.
	bin/prometheus/promtool check rules --lint=all --lint-fatal config/prometheus/rules.yaml
	bin/prometheus/promtool test rules config/prometheus/rules_test.yaml config/prometheus/rules_days_test.yaml

.PHONY: alerts
alerts: build $(CONTROL_PLANE) helm prometheus ## Induce the fault of each alert, and see in a real Prometheus that it fires and ends (about 10 minutes).
	CGO_ENABLED=0 go build -trimpath -o bin/alerts ./test/alerts
	exec bin/alerts -binary bin/fastpix-operator $(ALERTS_ARGS)

.PHONY: test-unit
test-unit: ## Run the tests that need no API server (seconds).
	go test -short $(TEST_FLAGS) $$(go list ./... | grep -vE '$(NEED_API_SERVER)') ./test/integration/docs

.PHONY: test-floods
test-floods: $(CONTROL_PLANE) ## Flood every port of a receiver with every shape; FLOOD_TIME=1m lets each flood last a minute (about an hour in all).
	FLOOD_TIME=$(FLOOD_TIME) go test -count=1 -timeout 3h -v -run TestFloodsOfEveryPort ./test/integration/floods

.PHONY: test-upgrades
test-upgrades: build $(CONTROL_PLANE) helm ## Upgrade from the previous release and downgrade to it, under load, in every order of the parts (about half an hour).
	OPERATOR_BINARY=$(abspath $(BINARY)) UPGRADES=all go test -count=1 -timeout 2h -parallel 2 -v ./test/integration/upgrade/previous

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZ_TIME (default 30s each).
	hack/fuzz.sh $(FUZZ_TIME)

.PHONY: bench
bench: build $(CONTROL_PLANE) ## Measure the operator and compare it with the speed of the API server. BENCH_ARGS=-full or -long measures more than the default.
	CGO_ENABLED=0 go build -trimpath -o bin/bench ./test/benchmark
	exec bin/bench $(BENCH_ARGS)

.PHONY: chaos
chaos: build $(CONTROL_PLANE) $(CONTROLLERS) ## Inject faults for a minute and check that no acknowledged event is lost. CHAOS_ARGS="-duration 1h -gap 4s" runs it for an hour.
	CGO_ENABLED=0 go build -trimpath -o bin/chaos ./test/chaos
	exec bin/chaos -binary bin/fastpix-operator $(CHAOS_ARGS)

.PHONY: k8s
k8s: ## Find, download or build etcd, kube-apiserver and kubectl for bin/k8s, once (about 6 minutes if they have to be built).
	@hack/kubernetes/get.sh bin/k8s

.PHONY: k8s-given
k8s-given:
	@hack/kubernetes/get.sh -show "$(KUBEBUILDER_ASSETS)"

.PHONY: k8s-controllers
k8s-controllers: ## Find or build kube-controller-manager for bin/k8s, once. Tests of quotas need it.
	@hack/kubernetes/get.sh bin/k8s kube-controller-manager

.PHONY: helm
helm: ## Build helm into bin/helm, once (first run: about 2 minutes).
	@hack/helm/build.sh bin/helm

.PHONY: helm-docs
helm-docs: ## Build helm-docs into bin/helmdocs, once (seconds).
	@hack/helmdocs/build.sh bin/helmdocs

.PHONY: kube-state-metrics
kube-state-metrics: ## Build kube-state-metrics into bin/kube-state-metrics, once (first run: about 5 minutes).
	@test/dashboards/kubestatemetrics/build.sh bin/kube-state-metrics

.PHONY: promtool
promtool: ## Build promtool into bin/prometheus, once (first run: about 2 minutes).
	@hack/prometheus/build.sh bin/prometheus promtool

.PHONY: prometheus
prometheus: ## Build promtool and prometheus into bin/prometheus, once (first run: about 3 minutes).
	@hack/prometheus/build.sh bin/prometheus

.PHONY: tools
tools: ## Build controller-gen and golangci-lint into bin/tools, once (first run: about 4 minutes).
	@hack/tools/build.sh bin/tools

##@ Cluster (Linux, as root)

.PHONY: image
image: build ## Build the image IMG into bin/image.tar, without Docker or a registry.
	GOOS= GOARCH= go run ./hack/image -binary bin/fastpix-operator -name $(IMG) -max-mb 60 \
		-build-arg VERSION=$(VERSION) -build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || true) \
		-output bin/image.tar

.PHONY: node
node: ## Build kubelet, containerd and the other programs of a node into bin/node, once (first run: about 4 minutes).
	hack/node/packages.sh
	hack/node/build.sh bin/node
	hack/kubernetes/build.sh bin/node kube-controller-manager etcdctl etcdutl
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/pause ./hack/cluster/pause
	GOOS= GOARCH= go run ./hack/image -file hack/cluster/pause/Dockerfile -binary bin/pause -name fastpix-pause:dev -output bin/node/pause.tar
	CGO_ENABLED=0 go build -trimpath -o bin/cluster ./hack/cluster

.PHONY: cluster
cluster: $(CONTROL_PLANE) node ## Start a Kubernetes cluster with one node on this machine.
	bin/cluster start

.PHONY: cluster-status
cluster-status: ## Show whether the cluster runs, and its nodes and pods.
	bin/cluster status

.PHONY: cluster-stop
cluster-stop: ## Stop the cluster and remove all its files.
	bin/cluster stop

.PHONY: e2e
ifeq ($(E2E_USE_EXISTING),)
e2e: $(CONTROL_PLANE) node image ## Install, use, break, roll out and remove the operator in a new cluster. E2E_USE_EXISTING=1 uses the cluster of KUBECONFIG.
	CGO_ENABLED=0 go build -trimpath -o bin/e2e ./test/e2e
	GOOS= GOARCH= go run ./hack/image -file test/e2e/kubectl/Dockerfile -binary "$(KUBEBUILDER_ASSETS)/kubectl" -name registry.example/kubectl:v1.37.2 -output bin/kubectl.tar
	bin/cluster with -load bin/image.tar -load bin/kubectl.tar bin/e2e -image $(IMG) $(E2E_ARGS)
else
e2e:
	CGO_ENABLED=0 go build -trimpath -o bin/e2e ./test/e2e
	bin/e2e -image $(IMG) $(E2E_ARGS)
endif

.PHONY: e2e-chart
e2e-chart: helm ## Run the end-to-end test with the Helm chart.
	$(MAKE) e2e E2E_ARGS="-chart $(E2E_ARGS)"

.PHONY: e2e-disaster
e2e-disaster: ## Run the commands of docs/disaster-recovery.md in a new cluster: etcd restored, cluster lost, CRDs and namespaces deleted, credentials leaked.
	$(MAKE) e2e E2E_ARGS="-disaster $(E2E_ARGS)"

##@ Releases

.PHONY: vulncheck
vulncheck: ## Check for known vulnerabilities, if their database can be reached.
	hack/release/vulncheck.sh

.PHONY: image-digests
image-digests: ## Compare the base images in the Dockerfile with their registries, if these can be reached.
	CONTAINER_TOOL=$(CONTAINER_TOOL) hack/image/digests.sh

.PHONY: dist
dist: $(CONTROL_PLANE) ## Build everything of a release from the last commit twice, compare, and write it to dist/ (many minutes).
	VERSION=$(VERSION) REPOSITORY=$(REPOSITORY) KUBECTL="$(KUBEBUILDER_ASSETS)/kubectl" hack/release/dist.sh dist

.PHONY: test-release
test-release: $(CONTROL_PLANE) ## Test make dist with small programs, and that a release whose parts do not agree is refused.
	cd hack/release && go test -count=1 $(TEST_FLAGS) ./...

##@ Deployment (with your kubectl and KUBECONFIG)

.PHONY: docker-build
docker-build: ## Build the image IMG.
	$(CONTAINER_TOOL) build --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || true) -t $(IMG) .

.PHONY: install
install: ## Install the CRDs.
	$(KUBECTL) apply -k config/crd

# If kubectl changes or removes the objects of a Helm release, Helm still shows the release as deployed, and its next upgrade fails.
# $(call refuse_release,COMMAND) fails if Helm installed the operator, and prints the Helm command to use instead.
define refuse_release
@release=$$($(KUBECTL) get clusterrole fastpix-receiver --ignore-not-found \
	-o jsonpath='{.metadata.annotations.meta\.helm\.sh/release-name} --namespace {.metadata.annotations.meta\.helm\.sh/release-namespace}'); \
if [[ $$release =~ ^[a-z0-9] ]]; then \
	echo "$@: the operator is installed by Helm: use $(1)" >&2; exit 1; \
fi
endef

.PHONY: deploy
deploy: ## Install the operator with the image IMG.
	$(call refuse_release,helm upgrade $$release)
	$(KUBECTL) kustomize config/default | sed 's|image: fastpix-operator:dev$$|image: $(IMG)|' | $(KUBECTL) apply -f -

# The namespace contains the journal. Deleting the CRDs deletes all mirrors. Therefore undeploy keeps both.
.PHONY: undeploy
undeploy: ## Remove the operator. Keeps the CRDs, the mirrored resources, and the namespace with the journal.
	$(call refuse_release,helm uninstall $$release)
	for part in receiver manager syncer network-policy quota admission rbac; do $(KUBECTL) delete --ignore-not-found -k config/$$part; done

.PHONY: uninstall
uninstall: undeploy ## Remove the operator, its CRDs and every mirrored resource.
	$(KUBECTL) delete --ignore-not-found -k config/crd
	$(KUBECTL) delete --ignore-not-found -f config/default/namespace.yaml
