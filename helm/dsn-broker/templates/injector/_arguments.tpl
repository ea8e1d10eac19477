{{/* How `dsn injector` is called: the one place that knows its flags. */}}
{{- define "dsn-broker.injectorArguments" -}}
- injector
- --listen=0.0.0.0:8443
- --cert=/etc/dsn-injector/tls.crt
- --key=/etc/dsn-injector/tls.key
- --broker-url={{ include "dsn-broker.brokerUrl" . }}
{{- if include "dsn-broker.hasBrokerCa" . }}
- --broker-ca=/etc/dsn-broker/ca.crt
{{- end }}
- --audience={{ .Values.injector.audience }}
- --image={{ include "dsn-broker.image" (list . .Values.injector.image) }}
- --image-pull-policy={{ .Values.injector.image.pullPolicy }}
{{- with .Values.injector.agent }}
- --agent-run-as-user={{ .runAsUser }}
- --agent-cpu-request={{ .cpuRequest }}
- --agent-cpu-limit={{ .cpuLimit }}
- --agent-memory-request={{ .memoryRequest }}
- --agent-memory-limit={{ .memoryLimit }}
{{- end }}
{{- if .Values.injector.vaultAnnotations }}
- --vault-annotations
{{- end }}
{{- end }}

{{/* How `dsn injector-certificate` is called. */}}
{{- define "dsn-broker.certificateArguments" -}}
- injector-certificate
- --namespace={{ .Release.Namespace }}
- --service={{ include "dsn-broker.injector" . }}
- --secret={{ include "dsn-broker.injectorSecret" . }}
- --webhook={{ include "dsn-broker.webhook" . }}
{{- end }}

{{- define "dsn-broker.injectorSecret" -}}
{{ include "dsn-broker.injector" . }}-tls
{{- end }}

{{/* Of the whole cluster, so that two releases must differ in it. */}}
{{- define "dsn-broker.webhook" -}}
{{ .Release.Namespace }}-{{ include "dsn-broker.injector" . }}
{{- end }}

{{- define "dsn-broker.brokerUrl" -}}
{{- if .Values.injector.brokerUrl -}}
{{ .Values.injector.brokerUrl }}
{{- else if .Values.broker.enabled -}}
{{ include "dsn-broker.ownUrl" . }}
{{- else -}}
{{- fail "the injector needs `injector.brokerUrl`, since the broker is not a part of this release" }}
{{- end }}
{{- end }}

{{- define "dsn-broker.hasBrokerCa" -}}
{{- with .Values.injector.brokerCa -}}
{{- if and .secretName .configMapName -}}
{{- fail "injector.brokerCa: name a Secret or a ConfigMap, not both" }}
{{- end -}}
{{- if or .secretName .configMapName }}yes{{ end -}}
{{- end -}}
{{- end }}
