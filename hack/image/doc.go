// Command image packs one static binary, or one for each architecture, into an image archive. It needs no Docker, root, registry or network.
//
// It reads the properties of the image from the last stage of a Dockerfile: user, entrypoint, labels, ports, and the path of the binary. It
// refuses instructions that it does not support. Therefore its image differs from that of a Dockerfile builder only in the base image,
// which is empty here.
//
// The same binary, Dockerfile and arguments give the same bytes. The archive is an OCI image layout, which containerd, podman and Docker
// can load.
package main
