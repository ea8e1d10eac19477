{{/* What all pods have in common, and what the `restricted` Pod Security Standard asks for. */}}
{{- define "dsn-broker.podSecurity" -}}
runAsNonRoot: true
{{- with .Values.runAsUser }}
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "dsn-broker.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* Where pods run. (root, part, the values of the part) */}}
{{- define "dsn-broker.placement" -}}
{{- $root := index . 0 -}}
{{- $labels := include "dsn-broker.selector" (list $root (index . 1)) | fromYaml -}}
{{- with index . 2 -}}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- if .affinity }}
affinity:
  {{- toYaml .affinity | nindent 2 }}
{{- else }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- toYaml $labels | nindent 14 }}
{{- end }}
{{- if .topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml .topologySpreadConstraints | nindent 2 }}
{{- else }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    # So that the replicas of a new version are spread among themselves.
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- toYaml $labels | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Seconds of a duration as the broker writes them, like 1h30m, 20s or 500ms: rounded up. */}}
{{- define "dsn-broker.seconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 -}}
{{- $sum := 0 -}}
{{- range regexFindAll "[0-9]+(ms|s|m|h|d)" (toString .) -1 -}}
{{- $number := regexFind "^[0-9]+" . -}}
{{- $sum = add $sum (mul (int64 $number) (get $units (trimPrefix $number .))) -}}
{{- end -}}
{{- div (add $sum 999) 1000 -}}
{{- end }}

{{/* The port of an address like 0.0.0.0:8443 or [::]:8443. */}}
{{- define "dsn-broker.port" -}}
{{- regexFind "[0-9]+$" . -}}
{{- end }}
