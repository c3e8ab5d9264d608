// Package operator puts the process together: the manager whose probes and metrics are served within the limits of httpserver. It may import
// controller-runtime and the other packages of internal; it knows neither the receiver nor the controllers.
package operator
