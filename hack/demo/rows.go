package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// rows prints resources as kubectl get does. The API server defines the columns.
type rows struct {
	plane *controlplane.ControlPlane
	// heading is the kind of the last column names.
	heading string
	// printed contains the last line of each object, without its age.
	printed map[string]string
}

// widths are the widths of the columns. They fit the values of the scenarios, so that the lines are aligned.
var widths = []int{52, 14, 9, 14}

// newSection prints the names of the columns again before the next line.
func (r *rows) newSection() { r.heading = "" }

// print prints the objects of a step whose line changed.
func (r *rows) print(ctx context.Context, s fixtures.Step) error {
	if r.printed == nil {
		r.printed = map[string]string{}
	}
	for _, m := range s.Then {
		table, err := r.get(ctx, m)
		if err != nil {
			return err
		}
		columns, row := r.line(m, table)
		withoutAge := strings.Join(row[:len(row)-1], " ")
		if r.printed[m.ID] == withoutAge {
			continue
		}
		r.printed[m.ID] = withoutAge
		if r.heading != m.Kind {
			r.heading = m.Kind
			fmt.Println("    " + pad(columns))
		}
		fmt.Println("    " + pad(row))
	}
	return nil
}

// line returns the names and the values of the columns that kubectl get shows without -o wide.
func (r *rows) line(m fixtures.Mirror, table *metav1.Table) (columns, row []string) {
	for i, c := range table.ColumnDefinitions {
		if c.Priority > 0 {
			continue
		}
		value := fmt.Sprint(table.Rows[0].Cells[i])
		switch {
		case c.Name == "Name":
			value = strings.ToLower(m.Kind) + "/" + value
		case table.Rows[0].Cells[i] == nil:
			value = ""
		}
		columns = append(columns, strings.ToUpper(c.Name))
		row = append(row, value)
	}
	return columns, row
}

func pad(columns []string) string {
	var b strings.Builder
	for i, c := range columns {
		width := 0
		if i < len(widths) {
			width = widths[i]
		}
		fmt.Fprintf(&b, "%-*s ", width, c)
	}
	return strings.TrimRight(b.String(), " ")
}

// get reads an object as the table that kubectl prints.
func (r *rows) get(ctx context.Context, m fixtures.Mirror) (*metav1.Table, error) {
	config := r.plane.Config()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	url := fmt.Sprintf("%s/apis/video.fastpix.com/v1alpha1/namespaces/%s/%ss/%s", config.Host, namespace, strings.ToLower(m.Kind), record.ObjectName(m.ID))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json;as=Table;g=meta.k8s.io;v=v1")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var table metav1.Table
	if err := json.NewDecoder(resp.Body).Decode(&table); err != nil {
		return nil, fmt.Errorf("read %s: %w", url, err)
	}
	incomplete := len(table.Rows) != 1 || slices.ContainsFunc(table.Rows, func(row metav1.TableRow) bool {
		return len(row.Cells) != len(table.ColumnDefinitions)
	})
	if resp.StatusCode != http.StatusOK || incomplete {
		return nil, fmt.Errorf("read %s: status %s with %d rows", url, resp.Status, len(table.Rows))
	}
	return &table, nil
}
