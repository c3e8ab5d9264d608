// Package firstrun tests how make demo and make test get a control plane: hack/kubernetes/get.sh finds it, downloads it, or builds it.
//
// The programs are those of the control plane that the other tests use. An index of setup-envtest and its archive are served here. Start reading
// in get_test.go. To run this area alone:
//
//	make k8s
//	KUBEBUILDER_ASSETS=$PWD/bin/k8s go test ./test/integration/firstrun
package firstrun
