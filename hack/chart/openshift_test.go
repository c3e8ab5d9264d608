package main

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// TestPodsFitRestrictedV2 checks the pods of the set-up for OpenShift, and the pod of helm test, against the SecurityContextConstraints
// restricted-v2: OpenShift chooses user, group and SELinux context, refuses host namespaces and most kinds of volumes, and requires that the
// container drops all capabilities.
func TestPodsFitRestrictedV2(t *testing.T) {
	t.Parallel()
	all := parsed(t, mustHelm(t, "", "template", "fastpix", inRoot(t, chart), "--namespace", namespace, "--values="+inRoot(t, setups+"/openshift.yaml")))
	checked := 0
	for key, object := range all {
		var pod corev1.PodSpec
		var err error
		switch object.GetKind() {
		case "Deployment":
			var deployment appsv1.Deployment
			err = runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &deployment)
			pod = deployment.Spec.Template.Spec
		case "Pod":
			var p corev1.Pod
			err = runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &p)
			pod = p.Spec
		default:
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		checked++
		for _, problem := range violations(t, &pod) {
			t.Errorf("%s: %s", key, problem)
		}
	}
	if checked != 4 {
		t.Errorf("%d pods were checked, want those of three Deployments and that of helm test", checked)
	}
}

// violations returns why restricted-v2 refuses a pod.
func violations(t *testing.T, pod *corev1.PodSpec) []string {
	t.Helper()
	var problems []string
	refuse := func(refused bool, problem string) {
		if refused {
			problems = append(problems, problem)
		}
	}
	refuse(pod.HostNetwork || pod.HostPID || pod.HostIPC, "it uses a namespace of the host")
	if c := pod.SecurityContext; c != nil {
		refuse(c.RunAsUser != nil || c.RunAsGroup != nil || c.FSGroup != nil || c.SELinuxOptions != nil, "it chooses user, group or SELinux context")
		refuse(c.SeccompProfile != nil && c.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault, "its seccomp profile is not that of the runtime")
	}
	for _, v := range pod.Volumes {
		s := v.VolumeSource
		refuse(s.ConfigMap == nil && s.Secret == nil && s.Projected == nil && s.EmptyDir == nil && s.DownwardAPI == nil && s.CSI == nil, "the kind of volume "+v.Name)
	}
	for _, container := range slices.Concat(pod.InitContainers, pod.Containers) {
		c := container.SecurityContext
		if c == nil {
			return append(problems, "a container has no security context")
		}
		refuse(c.RunAsUser != nil || c.RunAsGroup != nil || c.SELinuxOptions != nil, "a container chooses user, group or SELinux context")
		refuse(c.Privileged != nil && *c.Privileged || c.AllowPrivilegeEscalation == nil || *c.AllowPrivilegeEscalation, "a container may get more rights")
		refuse(c.Capabilities == nil || !slices.Contains(c.Capabilities.Drop, "ALL") || len(c.Capabilities.Add) > 0, "a container does not drop all capabilities")
		refuse(slices.ContainsFunc(container.Ports, func(p corev1.ContainerPort) bool { return p.HostPort != 0 }), "a container has a port of the host")
	}
	return problems
}

// TestViolationsAreFound checks violations itself: each of these pods breaks one rule.
func TestViolationsAreFound(t *testing.T) {
	t.Parallel()
	const right = "securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}"
	for pod, want := range map[string]string{
		"{containers: [{" + right + "}]}":                                                                                            "",
		"{containers: [{}]}":                                                                                                         "no security context",
		"{hostNetwork: true, containers: [{" + right + "}]}":                                                                         "host",
		"{securityContext: {fsGroup: 1}, containers: [{" + right + "}]}":                                                             "chooses user",
		"{securityContext: {seccompProfile: {type: Unconfined}}, containers: [{" + right + "}]}":                                     "seccomp",
		"{volumes: [{name: x, hostPath: {path: /}}], containers: [{" + right + "}]}":                                                 "volume x",
		"{containers: [{securityContext: {runAsUser: 1, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}":            "chooses user",
		"{containers: [{securityContext: {capabilities: {drop: [ALL]}}}]}":                                                           "more rights",
		"{containers: [{securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}}]}": "capabilities",
		"{containers: [{ports: [{hostPort: 80}], securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}": "port of the host",
	} {
		var spec corev1.PodSpec
		if err := yaml.Unmarshal([]byte(pod), &spec); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(violations(t, &spec), ", "); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", pod, got, want)
		}
	}
}
