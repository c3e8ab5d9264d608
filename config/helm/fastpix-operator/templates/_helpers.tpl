{{/* The image, by digest if there is one. */}}
{{- define "fastpix.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
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
