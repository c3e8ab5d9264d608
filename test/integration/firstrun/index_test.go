package firstrun

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha512"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// serveIndex serves an index of setup-envtest, in which the version 1.37.99 is an archive of the programs in a folder. If spoiled, the archive
// does not have the hash that the index says. It returns the URL of the index.
func serveIndex(t *testing.T, folder string, spoiled bool) string {
	t.Helper()
	archive, hash := pack(t, folder)
	name := fmt.Sprintf("envtest-v%s.99-%s-%s.tar.gz", minor, runtime.GOOS, runtime.GOARCH)
	if spoiled {
		hash = strings.Repeat("0", len(hash))
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("/index.yaml", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "releases:\n  v%s.99:\n    %s:\n      hash: %s\n      selfLink: %s/archive\n", minor, name, hash, server.URL)
	})
	mux.HandleFunc("/archive", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, archive) })
	return server.URL + "/index.yaml"
}

// pack writes an archive like those that setup-envtest downloads, and returns its file and its hash. It is not compressed, to save time.
func pack(t *testing.T, folder string) (file, hash string) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "archive"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	sum := sha512.New()
	zip, err := gzip.NewWriterLevel(io.MultiWriter(out, sum), gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewWriter(zip)
	for _, program := range programs {
		content, err := os.ReadFile(filepath.Join(folder, program))
		if err != nil {
			t.Fatal(err)
		}
		header := &tar.Header{Name: "controller-tools/envtest/" + program, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(content))}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Name(), fmt.Sprintf("%x", sum.Sum(nil))
}

// serveNothing accepts connections and answers none. It returns the URL of an index there.
func serveNothing(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return "http://" + listener.Addr().String() + "/index.yaml"
}
