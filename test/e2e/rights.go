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

// scrape reads the metrics of both halves as Prometheus does, and as somebody who may not.
func (e *e2e) scrape(ctx context.Context) (string, error) {
	for _, line := range []string{
		"kubectl -n " + namespace + " create serviceaccount prometheus",
		"kubectl create clusterrolebinding fastpix-e2e-metrics --clusterrole=fastpix-metrics-reader --serviceaccount=" + namespace + ":prometheus",
	} {
		if err := e.readme(ctx, line); err != nil {
			return "", err
		}
	}
	token, err := e.run(ctx, "-n", namespace, "create", "token", "prometheus")
	if err != nil {
		return "", err
	}
	for _, service := range []string{receivers, controllers} {
		if err := e.scrapeService(ctx, service+"-metrics", strings.TrimSpace(token)); err != nil {
			return "", fmt.Errorf("%s: %w", service, err)
		}
	}
	_, err = e.run(ctx, "delete", "clusterrolebinding", "fastpix-e2e-metrics")
	return "200 with a token that may, 401 without", err
}

var forwarding = regexp.MustCompile(`Forwarding from 127\.0\.0\.1:(\d+)`)

// scrapeService reaches a Service by kubectl port-forward.
func (e *e2e) scrapeService(ctx context.Context, service, token string) error {
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
		_ = forward.Wait() // it was killed
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	port := forwarding.FindStringSubmatch(line)
	if port == nil {
		return fmt.Errorf("kubectl port-forward prints %q: %w", line, err)
	}
	// The pod makes its certificate itself: see config/prometheus.
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
			return fmt.Errorf("answer %s, want %d", resp.Status, want)
		}
	}
	return nil
}

// writeStatus tries what not even an administrator may.
func (e *e2e) writeStatus(ctx context.Context) (string, error) {
	var asset fastpixv1.MediaAsset
	if err := e.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: fixtures.UploadB}, &asset); err != nil {
		return "", err
	}
	asset.Status.State = "Failed"
	if err := e.client.Status().Update(ctx, &asset); !apierrors.IsForbidden(err) {
		return "", errors.Join(errors.New("an administrator's write of a status is not forbidden"), err)
	}
	return "an administrator is refused", nil
}

// checkRoles asks what the aggregated roles and the one for pipelines let a ServiceAccount do, once kube-controller-manager has aggregated them.
func (e *e2e) checkRoles(ctx context.Context) (string, error) {
	asked := 0
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
			if err := e.readme(ctx, line); err != nil {
				return "", err
			}
		}
		for _, action := range append(r.may, r.mayNot...) {
			if err := e.waitCanI(ctx, account, action, slices.Contains(r.may, action)); err != nil {
				return "", err
			}
			asked++
		}
	}
	return fmt.Sprintf("%d questions to the authorizer", asked), nil
}

func (e *e2e) waitCanI(ctx context.Context, account, action string, want bool) error {
	err := poll(ctx, 20*time.Second, func(ctx context.Context) (bool, error) {
		args := append([]string{"-n", namespace, "auth", "can-i", "--as=system:serviceaccount:" + namespace + ":" + account}, strings.Fields(action)...)
		answer, _ := e.run(ctx, args...) // it fails when the answer is no
		return strings.HasPrefix(answer, "yes") == want, nil
	})
	if err != nil {
		return fmt.Errorf("that %s may %s is not %v: %w", account, action, want, err)
	}
	return nil
}

// checkPodSecurity tries to run a pod that says nothing of its rights, which the namespace must refuse. That the operator's own pods run shows the rest.
func (e *e2e) checkPodSecurity(ctx context.Context) (string, error) {
	_, err := e.run(ctx, "-n", operatorNamespace, "run", "careless", "--image="+e.options.image, "--dry-run=server")
	if err == nil || !strings.Contains(err.Error(), `violates PodSecurity "restricted`) {
		return "", errors.Join(errors.New("a pod that drops no rights is not refused"), err)
	}
	return "the operator's pods run, one that drops no rights is refused", nil
}

func (e *e2e) checkNetworkPolicies(ctx context.Context) (string, error) {
	var policies networkingv1.NetworkPolicyList
	if err := e.client.List(ctx, &policies, client.InNamespace(operatorNamespace)); err != nil {
		return "", err
	}
	const want = 3
	if len(policies.Items) != want {
		return "", fmt.Errorf("there are %d, want %d", len(policies.Items), want)
	}
	if e.options.clusterDir != "" {
		return "3 applied; this cluster's bridge plug-in does not enforce them", nil
	}
	return "3 applied; whether they are enforced is up to the network plug-in", nil
}
