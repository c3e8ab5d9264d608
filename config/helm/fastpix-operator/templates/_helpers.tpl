{{/* Labels of every object. Selectors have none of these, because the selector of a Deployment cannot change. */}}
{{- define "fastpix.labels" -}}
{{ include "fastpix.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
{{- end -}}

{{/* Labels that pods have too. The chart's version is not among them, so that a new version of the chart alone restarts no pod. */}}
{{- define "fastpix.podLabels" -}}
app.kubernetes.io/name: fastpix-operator
app.kubernetes.io/part-of: fastpix-operator
app.kubernetes.io/instance: {{ .Release.Name | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/version: {{ include "fastpix.tag" . | trunc 63 | trimAll "-_." | quote }}
{{- end -}}

{{- define "fastpix.tag" -}}
{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* The image, by digest if there is one. */}}
{{- define "fastpix.image" -}}
{{- $repository := include "fastpix.repository" . -}}
{{- with .Values.image.digest -}}
{{ $repository }}@{{ . }}
{{- else -}}
{{ $repository }}:{{ include "fastpix.tag" . }}
{{- end -}}
{{- end -}}

{{/* The image's repository. global.imageRegistry replaces its registry: the part before the first slash, if it has a dot or a colon. */}}
{{- define "fastpix.repository" -}}
{{- $repository := .Values.image.repository -}}
{{- if not $repository -}}
{{- fail "image.repository is not set: build the image, push it to a registry, and name it by --set image.repository=registry.example/fastpix-operator (docs/helm.md)." -}}
{{- end -}}
{{- with (.Values.global).imageRegistry -}}
{{ trimSuffix "/" . }}/{{ regexReplaceAll "^([^/]*[.:][^/]*|localhost)/" $repository "" }}
{{- else -}}
{{ $repository }}
{{- end -}}
{{- end -}}

{{/* Pull secrets of the release and of its parent charts, without duplicates. */}}
{{- define "fastpix.imagePullSecrets" -}}
{{- $names := list -}}
{{- range concat ((.Values.global).imagePullSecrets | default list) (.Values.imagePullSecrets | default list) -}}
{{- $names = append $names (kindIs "string" . | ternary . (get (kindIs "map" . | ternary . dict) "name")) -}}
{{- end -}}
{{- with uniq $names }}
imagePullSecrets:
{{- range . }}
- name: {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Flags that extraArgs may not set, because the chart sets them or computes ports and grace period from them; and what to use instead. */}}
{{- define "fastpix.flags" -}}
receiver: the chart runs each part in a Deployment of its own
controllers: the chart runs each part in a Deployment of its own
syncer: the chart runs each part in a Deployment of its own
leader-elect: the controllers and the syncer always elect a leader
operator-namespace: the journal is in the namespace of the release
receiver-bind-address: the ports are fixed
metrics-bind-address: the ports are fixed
health-probe-bind-address: the ports are fixed
drain-delay: set receiver.drainDelaySeconds, which the grace period follows
external-url: set receiver.externalURL
receiver-tls-cert-dir: set receiver.tls.secretName
max-pending-events: set receiver.maxPendingEvents
max-pending-events-per-endpoint: set receiver.maxPendingEventsPerEndpoint
fold-concurrency: set controllers.foldConcurrency
{{- end -}}

{{/* The arguments of extraArgs. Called with the list and its name. */}}
{{- define "fastpix.extraArgs" -}}
{{- $flags := include "fastpix.flags" . | fromYaml -}}
{{- range .args }}
{{- $flag := regexFind "[^-=\\s][^=\\s]*" . }}
{{- if hasKey $flags $flag }}
{{- fail (printf "%s has --%s: %s." $.name $flag (get $flags $flag)) }}
{{- end }}
- {{ . | quote }}
{{- end }}
{{- end -}}

{{/* GOMEMLIMIT: a share of a memory limit, so that Go collects garbage before the kernel kills the process. Called with the limit and with the
share in percent. The schema admits Mi and Gi. */}}
{{- define "fastpix.goMemLimit" -}}
{{- $mebibytes := int64 (regexFind "^[0-9]+" .limit) -}}
{{- if hasSuffix "Gi" .limit -}}
{{- $mebibytes = mul 1024 $mebibytes -}}
{{- end -}}
{{ div (mul .share $mebibytes) 100 }}MiB
{{- end -}}

{{/* Where the pods of a part may run, and their priority. Called with the values of that part. */}}
{{- define "fastpix.placement" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What the pods of every part may reach: the API server and DNS. */}}
{{- define "fastpix.egress" -}}
# The API server. The chart does not know its address. Policies see the port behind the Service (often 6443). If you know the address,
# restrict this rule with networkPolicy.apiServer.
- ports:
  {{- range .Values.networkPolicy.apiServer.ports }}
  - port: {{ . }}
    protocol: TCP
  {{- end }}
  {{- with .Values.networkPolicy.apiServer.cidrs }}
  to:
  {{- range . }}
  - ipBlock:
      cidr: {{ . | quote }}
  {{- end }}
  {{- end }}
# DNS, for clusters where pods find the API server by name. Node-local DNS caches are in no namespace.
- ports:
  - port: 53
    protocol: UDP
  - port: 53
    protocol: TCP
{{- end -}}

{{/* What may reach the probes and the metrics of every part. */}}
{{- define "fastpix.observers" -}}
# The kubelet. Some network plug-ins apply policies to it.
- ports:
  - port: probes
    protocol: TCP
# Scrapers, which need a token that may get /metrics.
- ports:
  - port: metrics
    protocol: TCP
  {{- with .Values.networkPolicy.metricsFrom }}
  from:
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
