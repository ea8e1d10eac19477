{{/* What the broker and its migration may connect to. */}}
{{- define "dsn-broker.egress" -}}
{{- with .Values.networkPolicy.egress }}
# DNS, wherever it is: caches on the nodes are in no namespace.
- ports: [{ port: 53, protocol: UDP }, { port: 53, protocol: TCP }]
{{ toYaml . }}
{{- else }}
- {}
{{- end }}
{{- end }}
