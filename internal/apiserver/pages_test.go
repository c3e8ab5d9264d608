package apiserver

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta/testrestmapper"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// lists answers lists of ConfigMaps by pages, as an API server does, and counts what it wrote. It refuses pages that continue a list once expired is true.
type lists struct {
	all     []corev1.ConfigMap
	expired bool
	largest int
	limits  []string
}

func (l *lists) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	from, _ := strconv.Atoi(query.Get("continue"))
	limit, err := strconv.Atoi(query.Get("limit"))
	l.limits = append(l.limits, query.Get("limit"))
	if l.expired && from > 0 {
		expired := apierrors.NewResourceExpired("the continue token is too old").ErrStatus
		expired.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
		answer(w, http.StatusGone, expired)
		return
	}
	if err != nil {
		limit = len(l.all)
	}
	page := corev1.ConfigMapList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMapList"}}
	page.Items = l.all[from:min(from+limit, len(l.all))]
	if from+limit < len(l.all) {
		page.Continue = strconv.Itoa(from + limit)
	}
	l.largest = max(l.largest, answer(w, http.StatusOK, page))
}

// answer writes an object as JSON, and returns how many bytes of it the client took.
func answer(w http.ResponseWriter, code int, object any) int {
	text, err := json.Marshal(object)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	n, _ := w.Write(text) // the client may stop reading
	return n
}

// newReader returns a client of lists with a number of ConfigMaps of some bytes each.
func newReader(t *testing.T, sizes ...int) (*lists, client.Reader) {
	t.Helper()
	served := &lists{}
	for i, size := range sizes {
		served.all = append(served.all, corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: strconv.Itoa(i)}, Data: map[string]string{"text": strings.Repeat("x", size)},
		})
	}
	server := httptest.NewServer(served)
	t.Cleanup(server.Close)
	config := &rest.Config{Host: server.URL, QPS: -1}
	config.Wrap(BoundPages)
	c, err := client.New(config, client.Options{Mapper: testrestmapper.TestOnlyStaticRESTMapper(scheme.Scheme)})
	if err != nil {
		t.Fatal(err)
	}
	return served, c
}

func sizes(n, bytes int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = bytes
	}
	return all
}

// TestForEachBoundsPages protects memory: whatever size objects have, each comes once, in order, and no page above the bound is read.
func TestForEachBoundsPages(t *testing.T) {
	for name, c := range map[string]struct {
		sizes []int
		pages string // the limits that were asked for
	}{
		"small":             {sizes(1250, 3000), "500 500 500"},
		"none":              {nil, "500"},
		"large":             {sizes(10, 1_000_000), "500 125 31 7 1 2 4 8"},
		"medium":            {sizes(60, 150_000), "500 125 31 7 14 28 7 14 28"},
		"large after small": {append(sizes(500, 10), sizes(5, 1_300_000)...), "500 500 125 31 7 1 2 4"},
	} {
		t.Run(name, func(t *testing.T) {
			served, reader := newReader(t, c.sizes...)
			var names []string
			err := ForEach(t.Context(), reader, func() client.ObjectList { return &corev1.ConfigMapList{} }, func(object runtime.Object) error {
				names = append(names, object.(*corev1.ConfigMap).Name)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for i := range max(len(names), len(c.sizes)) {
				if i >= len(names) || names[i] != strconv.Itoa(i) || len(names) > len(c.sizes) {
					t.Fatalf("got the objects %v", names)
				}
			}
			if got := strings.Join(served.limits, " "); got != c.pages {
				t.Errorf("pages of %s objects were asked for, want %s", got, c.pages)
			}
		})
	}
}

// TestForEachEnds protects callers: it ends with the error of do, with that of the API server, and at an object that is larger than any page.
func TestForEachEnds(t *testing.T) {
	newPage := func() client.ObjectList { return &corev1.ConfigMapList{} }
	stop := errors.New("stop")
	_, reader := newReader(t, sizes(750, 10)...)
	calls := 0
	if err := ForEach(t.Context(), reader, newPage, func(runtime.Object) error { calls++; return stop }); !errors.Is(err, stop) || calls != 1 {
		t.Errorf("it ended after %d calls with %v", calls, err)
	}
	served, reader := newReader(t, sizes(750, 10)...)
	served.expired = true
	if err := ForEach(t.Context(), reader, newPage, func(runtime.Object) error { return nil }); !apierrors.IsResourceExpired(err) || len(served.limits) != 2 {
		t.Errorf("after an expired token it asked for pages of %v and ended with %v", served.limits, err)
	}
	_, reader = newReader(t, maxPageBytes)
	if err := ForEach(t.Context(), reader, newPage, func(runtime.Object) error { return nil }); !errors.Is(err, errPageTooLarge) {
		t.Errorf("an object larger than a page gave %v", err)
	}
}

// TestOtherRequestsAreNotBounded protects informers, which list without pages.
func TestOtherRequestsAreNotBounded(t *testing.T) {
	served, reader := newReader(t, sizes(10, 1_000_000)...)
	var all corev1.ConfigMapList
	if err := reader.List(t.Context(), &all); err != nil || len(all.Items) != 10 || served.largest < 2*maxPageBytes {
		t.Errorf("got %d of 10 objects (%v)", len(all.Items), err)
	}
}
