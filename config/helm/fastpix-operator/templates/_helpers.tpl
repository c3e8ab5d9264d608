{{/* Labels of every object. Selectors have none of these: those of a Deployment cannot change. */}}
{{- define "fastpix.labels" -}}
{{ include "fastpix.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
{{- end -}}

{{/* Those that pods have too. The chart's version is not among them: a new chart alone starts no pod anew. */}}
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

{{/* The image's repository. global.imageRegistry takes the place of its registry, which is what has a dot or a colon before the first slash. */}}
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

{{/* Pull secrets of the release and of the charts above it, each once. */}}
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

{{/* Flags that the chart sets, or that its ports and its grace period follow, and what to do instead of setting them by extraArgs. */}}
{{- define "fastpix.flags" -}}
receiver: the chart runs each half in a Deployment of its own
controllers: the chart runs each half in a Deployment of its own
leader-elect: the controllers always elect a leader
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

{{/* Nine tenths of a limit on memory, in Go's words: Go collects garbage before the kernel kills. The schema admits Mi and Gi. */}}
{{- define "fastpix.goMemLimit" -}}
{{- $mebibytes := int64 (regexFind "^[0-9]+" .) -}}
{{- if hasSuffix "Gi" . -}}
{{- $mebibytes = mul 1024 $mebibytes -}}
{{- end -}}
{{ div (mul 9 $mebibytes) 10 }}MiB
{{- end -}}

{{/* Where the pods of one half may run, and how important they are: called with its values. */}}
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

{{/* What the pods of both halves may reach: the API server and DNS. */}}
{{- define "fastpix.egress" -}}
# The API server. Its address is not known here, and policies act on the port behind the Service (often 6443);
# narrow it by networkPolicy.apiServer where you know it.
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
# DNS, for clusters that give the API server to pods by name; node-local caches are outside any namespace.
- ports:
  - port: 53
    protocol: UDP
  - port: 53
    protocol: TCP
{{- end -}}

{{/* What may reach the probes and the metrics of both halves. */}}
{{- define "fastpix.observers" -}}
# The kubelet; some network plug-ins count it as a stranger.
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
