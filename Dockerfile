# Both images are arguments, so that a build behind a mirror needs no edit. The digest decides what is used; the tag says what it was.
# make image-digests asks the registries about both, and a test that both are pinned.
ARG BUILDER_IMAGE=golang:1.26.8@sha256:0f063af2d465d8dcae54cce04278ada488b96f77b42449c8d071e47d016cc65a
ARG BASE_IMAGE=gcr.io/distroless/static:nonroot@sha256:e2e927ec666bae08560abb3c55d0659eceabb657f56b6782ab500a9fc7f555e3

FROM ${BUILDER_IMAGE} AS builder
WORKDIR /src
# Modules first: they change less often than the code, and their layer is then reused.
COPY go.mod go.sum ./
RUN go mod download
COPY main.go ./
COPY api/ api/
COPY controllers/ controllers/
COPY internal/ internal/
COPY webhookserver/ webhookserver/
ARG VERSION=dev
# Set by builders that know platforms; empty means the builder's own.
ARG TARGETOS
ARG TARGETARCH
# The same flags as in the Makefile: no path and no time of the build ends up in the binary.
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=${VERSION}" -o /out/fastpix-operator .

FROM ${BASE_IMAGE}
ARG VERSION=dev
ARG REVISION=""
LABEL org.opencontainers.image.title="fastpix-operator" \
      org.opencontainers.image.description="Mirrors FastPix media assets and live streams into Kubernetes" \
      org.opencontainers.image.source="https://github.com/fastpix-operator/fastpix-operator" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=builder /out/fastpix-operator /fastpix-operator
# By number, because the kubelet cannot prove that a name is not root.
USER 65532:65532
# receiver, probes, metrics
EXPOSE 8080 8081 8443
ENTRYPOINT ["/fastpix-operator"]
