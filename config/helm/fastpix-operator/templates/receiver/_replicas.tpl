{{/* The number of receivers. With the autoscaler of this chart, an upgrade sets the number that the Deployment has: without a number Kubernetes
would set one, which the autoscaler raises later. */}}
{{- define "fastpix.receiverReplicas" -}}
{{- $replicas := .Values.receiver.replicas -}}
{{- if .Values.receiver.autoscaling.enabled -}}
{{- $replicas = (lookup "apps/v1" "Deployment" .Release.Namespace (printf "%s-receiver" (include "fastpix.fullname" .)) | default dict | dig "spec" "replicas" nil) -}}
{{- end -}}
{{- if not (kindIs "invalid" $replicas) -}}
replicas: {{ int64 $replicas }}
{{- end -}}
{{- end -}}

{{/* The grace period of receivers. Called with their values. */}}
{{- define "fastpix.receiverGracePeriod" -}}
{{- $least := add (int64 .drainDelaySeconds) 40 -}}
{{- $seconds := int64 (.terminationGracePeriodSeconds | default $least) -}}
{{- if lt $seconds $least -}}
{{- fail (printf "receiver.terminationGracePeriodSeconds is %d: it must be at least %d, 40 more than receiver.drainDelaySeconds, so that every accepted request gets its answer." $seconds $least) -}}
{{- end -}}
{{ $seconds }}
{{- end -}}
