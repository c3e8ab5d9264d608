// Package picture draws a dashboard as SVG, from what Prometheus answers to its queries. It shows the panels where Grafana shows them, but does
// not look like Grafana in every detail. It may import test/dashboards and the plotting library. Start with Draw.
package picture
