{{/* The folder that the configuration and all files that it names are in. */}}
{{- define "dsn-broker.folder" -}}/etc/dsn-broker{{- end }}

{{/*
The files of a {name: {key: path}} as a source of a projected volume. (kind, name, items, only these paths or none)
*/}}
{{- define "dsn-broker.source" -}}
{{- $kind := index . 0 -}}
{{- $name := index . 1 -}}
{{- $only := index . 3 -}}
{{- $items := list -}}
{{- range $key, $path := index . 2 -}}
{{- if or (not $only) (has $path $only) -}}
{{- $items = append $items (dict "key" $key "path" $path) -}}
{{- end -}}
{{- end -}}
{{- with $items -}}
- {{ $kind }}:
    name: {{ $name }}
    items:
      {{- toYaml . | nindent 6 }}
{{- end }}
{{- end }}

{{/*
What the broker takes into account at its next start alone (README, Reload): a change of it starts new replicas, where
everything else is loaded by those that run.
*/}}
{{- define "dsn-broker.checksum" -}}
{{- $config := .Values.config -}}
{{- $server := omit ($config.server | default dict) "tls" "reload_every" -}}
{{- dict "server" $server "ledger" $config.ledger "cache" $config.cache "audit" $config.audit | toJson | sha256sum -}}
{{- end }}

{{/* The volume with the configuration and all that it names: one, so that files which change together are seen together. */}}
{{- define "dsn-broker.configuration" -}}
- name: configuration
  projected:
    # The broker refuses secrets that others can read.
    defaultMode: 0440
    sources:
      - configMap:
          name: {{ include "dsn-broker.fullname" . }}
          items: [{ key: broker.yaml, path: broker.yaml }]
      {{- if .Values.config.server.tls }}
      - secret:
          name: {{ include "dsn-broker.tlsSecret" . }}
          items: [{ key: tls.crt, path: tls/tls.crt }, { key: tls.key, path: tls/tls.key }]
      {{- end }}
      {{- range $secret, $items := .Values.secrets }}
      {{- include "dsn-broker.source" (list "secret" $secret $items (list)) | nindent 6 }}
      {{- end }}
      {{- range $configMap, $items := .Values.configMaps }}
      {{- include "dsn-broker.source" (list "configMap" $configMap $items (list)) | nindent 6 }}
      {{- end }}
{{- end }}
