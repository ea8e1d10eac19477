{{- define "dsn-broker.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Short enough for the longest suffix that is put behind it: the name of a CronJob has at most 52 characters. */}}
{{- define "dsn-broker.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 36 | trimSuffix "-" }}
{{- else if contains (include "dsn-broker.name" .) .Release.Name -}}
{{- .Release.Name | trunc 36 | trimSuffix "-" }}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "dsn-broker.name" .) | trunc 36 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "dsn-broker.injector" -}}
{{- include "dsn-broker.fullname" . }}-injector
{{- end }}

{{/* By which pods are selected; never changed. (root, part) */}}
{{- define "dsn-broker.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "dsn-broker.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* (root, part) */}}
{{- define "dsn-broker.labels" -}}
{{- $root := index . 0 -}}
{{ include "dsn-broker.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Of pods: without what changes where nothing of the pod does. (root, part) */}}
{{- define "dsn-broker.podLabels" -}}
{{- $root := index . 0 -}}
{{ include "dsn-broker.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* (root, image) */}}
{{- define "dsn-broker.image" -}}
{{- $root := index . 0 -}}
{{- with index . 1 -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ default $root.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{- define "dsn-broker.serviceAccount" -}}
{{- with .Values.broker.serviceAccount -}}
{{- if .create }}{{ default (include "dsn-broker.fullname" $) .name }}{{ else }}{{ default "default" .name }}{{ end }}
{{- end }}
{{- end }}

{{/* Whether the broker has a token for the API server. */}}
{{- define "dsn-broker.mountsToken" -}}
{{ or .Values.broker.tokenReview .Values.broker.serviceAccount.mountToken }}
{{- end }}

{{/* The Secret with the certificate that the broker shows. */}}
{{- define "dsn-broker.tlsSecret" -}}
{{- if .Values.tls.secretName -}}
{{ .Values.tls.secretName }}
{{- else if .Values.tls.certManager.enabled -}}
{{ include "dsn-broker.fullname" . }}-tls
{{- else -}}
{{- fail "the broker needs a certificate: name a Secret in `tls.secretName`, or set `tls.certManager.enabled` and `issuerRef`" }}
{{- end }}
{{- end }}

{{/* Where this release's broker is, within the cluster. */}}
{{- define "dsn-broker.ownUrl" -}}
{{- $port := int .Values.broker.service.port -}}
https://{{ include "dsn-broker.fullname" . }}.{{ .Release.Namespace }}.svc{{ if ne $port 443 }}:{{ $port }}{{ end }}
{{- end }}
