package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// checkMetrics reads the metrics of every part with a token, as Prometheus does, and without one.
func (e *e2e) checkMetrics(ctx context.Context) (string, error) {
	for _, line := range []string{
		"kubectl -n " + namespace + " create serviceaccount prometheus",
		"kubectl create clusterrolebinding fastpix-e2e-metrics --clusterrole=fastpix-metrics-reader --serviceaccount=" + namespace + ":prometheus",
	} {
		if err := e.runDocumented(ctx, line); err != nil {
			return "", err
		}
	}
	token, err := e.run(ctx, "-n", namespace, "create", "token", "prometheus")
	if err != nil {
		return "", err
	}
	for _, service := range []string{receivers, controllers, syncers} {
		if err := e.checkMetricsOf(ctx, service+"-metrics", strings.TrimSpace(token)); err != nil {
			return "", fmt.Errorf("%s: %w", service, err)
		}
	}
	_, err = e.run(ctx, "delete", "clusterrolebinding", "fastpix-e2e-metrics")
	return "200 with an authorized token, 401 without a token", err
}

var forwarding = regexp.MustCompile(`Forwarding from 127\.0\.0\.1:(\d+)`)

// checkMetricsOf reads the metrics of one Service through kubectl port-forward.
func (e *e2e) checkMetricsOf(ctx context.Context, service, token string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	forward := exec.CommandContext(ctx, e.kubectl, "-n", operatorNamespace, "port-forward", "service/"+service, ":8443")
	out, err := forward.StdoutPipe()
	if err != nil {
		return err
	}
	if err := forward.Start(); err != nil {
		return err
	}
	defer func() {
		cancel()
		_ = forward.Wait() // its error only says that it was killed
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	port := forwarding.FindStringSubmatch(line)
	if port == nil {
		return fmt.Errorf("kubectl port-forward prints %q: %w", line, err)
	}
	// The certificate of the pod is self-signed: see config/prometheus.
	scraper := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for authorization, want := range map[string]int{"Bearer " + token: http.StatusOK, "": http.StatusUnauthorized} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://127.0.0.1:"+port[1]+"/metrics", nil)
		if err != nil {
			return err
		}
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		resp, err := scraper.Do(req)
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			return fmt.Errorf("the answer is %s, want %d", resp.Status, want)
		}
	}
	return nil
}

// checkStatusIsProtected checks that not even an administrator may write a status.
func (e *e2e) checkStatusIsProtected(ctx context.Context) (string, error) {
	var asset fastpixv1.MediaAsset
	if err := e.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: fixtures.UploadB}, &asset); err != nil {
		return "", err
	}
	asset.Status.State = "Failed"
	if err := e.client.Status().Update(ctx, &asset); !apierrors.IsForbidden(err) {
		return "", errors.Join(errors.New("a write of a status by an administrator is not refused as forbidden"), err)
	}
	return "a write by an administrator is refused", nil
}

// checkRoles checks what the aggregated roles and the role for pipelines allow a ServiceAccount. It waits until kube-controller-manager has
// aggregated the roles.
func (e *e2e) checkRoles(ctx context.Context) (string, error) {
	checked := 0
	for _, r := range []struct {
		role        string
		may, mayNot []string
	}{
		{"view", []string{"get mediaassets", "list livestreams", "watch webhookendpoints"}, []string{"get eventbatches", "create webhookendpoints", "delete mediaassets"}},
		{"edit", []string{"create webhookendpoints", "delete webhookendpoints", "get mediaassets"}, []string{"create mediaassets", "delete livestreams"}},
		{"fastpix-mirror-editor", []string{"create mediaassets", "delete livestreams", "watch mediaassets"}, []string{"get secrets", "create webhookendpoints"}},
	} {
		account := "e2e-" + r.role
		for _, line := range []string{
			"kubectl -n " + namespace + " create serviceaccount " + account,
			"kubectl -n " + namespace + " create rolebinding " + account + " --clusterrole=" + r.role + " --serviceaccount=" + namespace + ":" + account,
		} {
			if err := e.runDocumented(ctx, line); err != nil {
				return "", err
			}
		}
		for _, action := range append(r.may, r.mayNot...) {
			if err := e.waitForAnswer(ctx, account, action, slices.Contains(r.may, action)); err != nil {
				return "", err
			}
			checked++
		}
	}
	return fmt.Sprintf("%d answers of the authorizer as expected", checked), nil
}

func (e *e2e) waitForAnswer(ctx context.Context, account, action string, want bool) error {
	err := poll(ctx, 20*time.Second, func(ctx context.Context) (bool, error) {
		args := append([]string{"-n", namespace, "auth", "can-i", "--as=system:serviceaccount:" + namespace + ":" + account}, strings.Fields(action)...)
		answer, _ := e.run(ctx, args...) // kubectl exits with 1 if the answer is no
		return strings.HasPrefix(answer, "yes") == want, nil
	})
	if err != nil {
		return fmt.Errorf("whether %s may %s: want %t: %w", account, action, want, err)
	}
	return nil
}

// checkPodSecurity checks that the namespace refuses a pod without a security context. That it admits the operator's pods is shown by the
// checks before.
func (e *e2e) checkPodSecurity(ctx context.Context) (string, error) {
	_, err := e.run(ctx, "-n", operatorNamespace, "run", "careless", "--image="+e.options.image, "--dry-run=server")
	if err == nil || !strings.Contains(err.Error(), `violates PodSecurity "restricted`) {
		return "", errors.Join(errors.New("a pod without a security context is not refused"), err)
	}
	return "the operator's pods run, a pod without a security context is refused", nil
}

func (e *e2e) checkNetworkPolicies(ctx context.Context) (string, error) {
	var policies networkingv1.NetworkPolicyList
	if err := e.client.List(ctx, &policies, client.InNamespace(operatorNamespace)); err != nil {
		return "", err
	}
	const want = 4 // deny everything, and one for each part
	if len(policies.Items) != want {
		return "", fmt.Errorf("the namespace has %d NetworkPolicies, want %d", len(policies.Items), want)
	}
	if e.options.clusterDir != "" {
		return "4 applied; this cluster's bridge plug-in does not enforce them", nil
	}
	return "4 applied; the network plug-in decides whether it enforces them", nil
}
