package tree

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/xlab/treeprint"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

// node is a line of the tree with the lines below it.
type node struct {
	kind, name, detail string
	children           map[string]*node // by kind and name
	hidden             int              // children that are not kept
}

// child returns a node below, which it adds if it is new and fits the limit; 0 is no limit. It returns nil if the node is hidden.
func (n *node) child(kind, name string, limit int) *node {
	key := kind + "/" + name
	if c := n.children[key]; c != nil {
		return c
	}
	if limit > 0 && len(n.children) >= limit {
		n.hidden++
		return nil
	}
	if n.children == nil {
		n.children = map[string]*node{}
	}
	c := &node{kind: kind, name: name}
	n.children[key] = c
	return c
}

// sorted returns the children by name, live streams before media.
func (n *node) sorted() []*node {
	return slices.SortedFunc(maps.Values(n.children), func(a, b *node) int {
		if a.kind != b.kind {
			return strings.Compare(a.kind, b.kind)
		}
		return strings.Compare(a.name, b.name)
	})
}

// text is the line of the node.
func (n *node) text() string {
	text := n.kind + "/" + n.name
	if n.detail != "" {
		text += "  " + n.detail
	}
	return cli.Escape(strings.ReplaceAll(text, "\n", " "))
}

// plain returns the nodes below as a value of JSON.
func (n *node) plain() []any {
	nodes := []any{}
	for _, c := range n.sorted() {
		one := map[string]any{"kind": c.kind, "name": c.name}
		if c.detail != "" {
			one["detail"] = c.detail
		}
		if len(c.children) > 0 {
			one["children"] = c.plain()
		}
		if c.hidden > 0 {
			one["hidden"] = int64(c.hidden)
		}
		nodes = append(nodes, one)
	}
	return nodes
}

// objects returns the objects of the nodes below, each before what is below it, for their names.
func (n *node) objects() []client.Object {
	var all []client.Object
	for _, c := range n.sorted() {
		one := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: c.name}}
		one.SetGroupVersionKind(groupKinds[c.kind])
		all = append(append(all, one), c.objects()...)
	}
	return all
}

// draw prints the nodes below the root, each as a tree.
func draw(out io.Writer, root *node) error {
	for _, top := range root.sorted() {
		drawn := treeprint.NewWithRoot(top.text())
		add(drawn, top)
		if _, err := io.WriteString(out, drawn.String()); err != nil {
			return err
		}
	}
	return nil
}

func add(to treeprint.Tree, n *node) {
	for _, c := range n.sorted() {
		if len(c.children) == 0 && c.hidden == 0 {
			to.AddNode(c.text())
			continue
		}
		add(to.AddBranch(c.text()), c)
	}
	if n.hidden > 0 {
		to.AddNode(fmt.Sprintf("... and %d more; see them with --limit 0", n.hidden))
	}
}
