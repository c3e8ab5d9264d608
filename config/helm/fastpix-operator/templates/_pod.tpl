{{/* The templates of this file are called with a part: (dict "root" $ "name" "receiver"). The name is that of its values, its label
app.kubernetes.io/component and its container. */}}

{{/* The image of a part: the values of image, replaced by those that the part has. */}}
{{- define "fastpix.imageValues" -}}
{{- $image := deepCopy .root.Values.image -}}
{{- $own := (get .root.Values .name).image | default dict -}}
{{- if and (or $own.repository $own.tag) (not $own.digest) -}}
{{- $_ := unset $image "digest" -}}
{{- end -}}
{{- range $key, $value := $own -}}
{{- if $value -}}
{{- $_ := set $image $key $value -}}
{{- end -}}
{{- end -}}
{{ toYaml $image }}
{{- end -}}

{{/* The reference of an image, by digest if there is one. global.imageRegistry, or the image's registry, replaces the registry in its
repository: the part before the first slash, if it has a dot or a colon or is localhost. */}}
{{- define "fastpix.image" -}}
{{- $image := include "fastpix.imageValues" . | fromYaml -}}
{{- $repository := $image.repository -}}
{{- if not $repository -}}
{{- fail "image.repository is not set: build the image, push it to a registry, and name it by --set image.repository=registry.example/fastpix-operator (docs/helm.md)." -}}
{{- end -}}
{{- with (.root.Values.global).imageRegistry | default $image.registry -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) (regexReplaceAll "^([^/]*[.:][^/]*|localhost)/" $repository "") -}}
{{- end -}}
{{- with $image.digest -}}
{{ $repository }}@{{ . }}
{{- else -}}
{{ $repository }}:{{ $image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Image and pull policy of a container. */}}
{{- define "fastpix.containerImage" -}}
image: {{ include "fastpix.image" . | quote }}
imagePullPolicy: {{ (include "fastpix.imageValues" . | fromYaml).pullPolicy }}
{{- end -}}

{{/* Pull secrets of the part, of the release and of its parent charts, without duplicates. */}}
{{- define "fastpix.imagePullSecrets" -}}
{{- $names := list -}}
{{- $values := .root.Values -}}
{{- range concat (($values.global).imagePullSecrets | default list) ($values.imagePullSecrets | default list) ((get $values .name).imagePullSecrets | default list) -}}
{{- $names = append $names (kindIs "string" . | ternary . (get (kindIs "map" . | ternary . dict) "name")) -}}
{{- end -}}
{{- with uniq $names }}
imagePullSecrets:
{{- range . }}
- name: {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The labels by which Deployments, Services and policies select the pods of a part. */}}
{{- define "fastpix.selector" -}}
app.kubernetes.io/name: {{ include "fastpix.name" .root | quote }}
app.kubernetes.io/component: {{ .name }}
{{- end -}}

{{/* Labels and annotations of the pods of a part. */}}
{{- define "fastpix.podMetadata" -}}
{{- $values := get .root.Values .name -}}
{{- $labels := include "fastpix.podLabels" .root | fromYaml -}}
{{- with (include "fastpix.imageValues" . | fromYaml).tag -}}
{{- $_ := set $labels "app.kubernetes.io/version" (trunc 63 . | trimAll "-_.") -}}
{{- end -}}
{{- $labels = merge (dict) (include "fastpix.selector" . | fromYaml) ($values.podLabels | default dict) $labels -}}
labels:
  {{- toYaml $labels | nindent 2 }}
annotations:
  {{- merge (dict) ($values.podAnnotations | default dict) (dict "kubectl.kubernetes.io/default-container" .name) | toYaml | nindent 2 }}
{{- end -}}

{{/* Fails if environment variables or volumes have the same name: the API server would refuse the Deployment after other objects were changed, or
would take the last variable. The volume tls is that of receiver.tls. */}}
{{- define "fastpix.checkNames" -}}
{{- $values := get .root.Values .name -}}
{{- $volumes := ternary (list "tls") list (and (eq .name "receiver") (not (empty .root.Values.receiver.tls.secretName))) -}}
{{- range $list, $used := dict "extraEnv" list "extraVolumes" $volumes -}}
{{- range get $values $list | default list -}}
{{- if has .name $used -}}
{{- fail (printf "%s.%s: the name %s is used twice%s." $.name $list .name (ternary ", because receiver.tls.secretName has a volume of that name" "" (has .name $volumes))) -}}
{{- end -}}
{{- $used = append $used .name -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The fields of a pod of a part that say with which rights and where it runs. */}}
{{- define "fastpix.podSpec" -}}
{{- include "fastpix.checkNames" . -}}
{{- $values := get .root.Values .name -}}
serviceAccountName: {{ include (printf "fastpix.account.%s" .name) .root | quote }}
automountServiceAccountToken: true
{{- include "fastpix.imagePullSecrets" . }}
{{- with $values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- include "fastpix.placement" . }}
{{- with $values.topologySpreadConstraints }}
topologySpreadConstraints:
{{- range . }}
- {{- toYaml . | nindent 2 }}
  {{- if not .labelSelector }}
  labelSelector:
    matchLabels:
      {{- include "fastpix.selector" $ | nindent 6 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* On which nodes pods run, and their priority. */}}
{{- define "fastpix.placement" -}}
{{- $values := get .root.Values .name -}}
{{- with $values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Environment variables of the container of a part. Called with the part and the share of the memory limit that GOMEMLIMIT is, in percent.
The operator reads POD_SERVICE_ACCOUNT to name its ServiceAccount in conditions; without it, it names the default one. */}}
{{- define "fastpix.env" -}}
{{- $values := get .root.Values .name -}}
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- if ($values.serviceAccount).name }}
- name: POD_SERVICE_ACCOUNT
  valueFrom:
    fieldRef:
      fieldPath: spec.serviceAccountName
{{- end }}
{{- with (($values.resources).limits).memory }}
# A share of the memory limit, so that Go collects garbage before the kernel kills the process.
- name: GOMEMLIMIT
  value: {{ include "fastpix.goMemLimit" (dict "limit" . "share" $.share) }}
{{- end }}
{{- with $values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* GOMEMLIMIT. Called with the limit and with the share in percent. The schema admits Mi and Gi. */}}
{{- define "fastpix.goMemLimit" -}}
{{- $mebibytes := int64 (regexFind "^[0-9]+" .limit) -}}
{{- if hasSuffix "Gi" .limit -}}
{{- $mebibytes = mul 1024 $mebibytes -}}
{{- end -}}
{{ div (mul .share $mebibytes) 100 }}MiB
{{- end -}}

{{/* Resources and rights of the container of a part. */}}
{{- define "fastpix.containerLimits" -}}
{{- $values := get .root.Values .name -}}
{{- with $values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Flags that extraArgs may not set, because the chart sets them or computes ports and grace period from them; and what to use instead. */}}
{{- define "fastpix.flags" -}}
receiver: the chart runs each part in a Deployment of its own
controllers: the chart runs each part in a Deployment of its own
syncer: the chart runs each part in a Deployment of its own
check: the pods of helm test use it
version: the pod would print the version and end
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

{{/* The arguments of extraArgs of a part. */}}
{{- define "fastpix.extraArgs" -}}
{{- $flags := include "fastpix.flags" . | fromYaml -}}
{{- range (get .root.Values .name).extraArgs }}
{{- $flag := regexFind "[^-=\\s][^=\\s]*" . }}
{{- if hasKey $flags $flag }}
{{- fail (printf "%s.extraArgs has --%s: %s." $.name $flag (get $flags $flag)) }}
{{- end }}
- {{ . | quote }}
{{- end }}
{{- end -}}
