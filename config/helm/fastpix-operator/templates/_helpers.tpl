{{/* The part of names before -receiver, -controller-manager and -syncer. It does not contain the name of the release: a cluster has one release. */}}
{{- define "fastpix.fullname" -}}
{{ .Values.fullnameOverride | default "fastpix" }}
{{- end -}}

{{/* The value of the label app.kubernetes.io/name, which selectors use. */}}
{{- define "fastpix.name" -}}
{{ .Values.nameOverride | default "fastpix-operator" }}
{{- end -}}

{{/* Labels of every object. Selectors have none of these but the name, because the selector of a Deployment cannot change. */}}
{{- define "fastpix.labels" -}}
{{ include "fastpix.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
{{- end -}}

{{/* Labels that pods have too. The chart's version is not among them, so that a new version of the chart alone restarts no pod. */}}
{{- define "fastpix.podLabels" -}}
app.kubernetes.io/name: {{ include "fastpix.name" . | quote }}
app.kubernetes.io/part-of: fastpix-operator
app.kubernetes.io/instance: {{ .Release.Name | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/version: {{ include "fastpix.tag" . | trunc 63 | trimAll "-_." | quote }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "fastpix.tag" -}}
{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* The names of the ServiceAccounts. They do not follow fullnameOverride, because RoleBindings of users name them. */}}
{{- define "fastpix.accounts" -}}
{{- $accounts := dict "receiver" "fastpix-receiver" "controllers" "fastpix-controller-manager" "syncer" "fastpix-syncer" -}}
{{- range $part := keys $accounts -}}
{{- with ((get $.Values $part).serviceAccount).name -}}
{{- $_ := set $accounts $part . -}}
{{- end -}}
{{- end -}}
{{- if lt (len (values $accounts | uniq)) 3 -}}
{{- fail "serviceAccount.name: the receiver, the controllers and the syncer need different ServiceAccounts, because each has other rights." -}}
{{- end -}}
{{- if has "default" (values $accounts) -}}
{{- fail "serviceAccount.name: not default, because other pods of the namespace use it, and would get the rights of the operator." -}}
{{- end -}}
{{ toYaml $accounts }}
{{- end -}}

{{- define "fastpix.account.receiver" -}}
{{ (include "fastpix.accounts" . | fromYaml).receiver }}
{{- end -}}

{{- define "fastpix.account.controllers" -}}
{{ (include "fastpix.accounts" . | fromYaml).controllers }}
{{- end -}}

{{- define "fastpix.account.syncer" -}}
{{ (include "fastpix.accounts" . | fromYaml).syncer }}
{{- end -}}

{{/* The host of receiver.externalURL, as a list, or the list in .hosts if there is one. Called with the hosts, the values and the name of the list. */}}
{{- define "fastpix.hosts" -}}
{{- if .hosts -}}
{{ toYaml .hosts }}
{{- else if not .root.Values.receiver.externalURL -}}
{{- fail (printf "%s is empty: name the public hosts, or set receiver.externalURL, whose host is the default." .name) -}}
{{- else -}}
- {{ regexReplaceAll "^https?://([^/:]+).*$" .root.Values.receiver.externalURL "${1}" | lower | quote }}
{{- end -}}
{{- end -}}

{{/* The number of the port of the receiver's Service. */}}
{{- define "fastpix.servicePort" -}}
{{ ternary 443 80 (not (empty .Values.receiver.tls.secretName)) }}
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
  {{- range .Values.networkPolicy.dnsPorts }}
  - port: {{ . }}
    protocol: UDP
  - port: {{ . }}
    protocol: TCP
  {{- end }}
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
