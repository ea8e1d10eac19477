{{/* Makes the certificate of the injector where it is missing or soon ends, and lets the webhook trust it. */}}
{{- define "dsn-broker.certificateJob" -}}
# The webhook may be created a moment later.
backoffLimit: 6
activeDeadlineSeconds: 600
template:
  metadata:
    labels:
      {{- include "dsn-broker.podLabels" (list . "certificate") | nindent 6 }}
  spec:
    restartPolicy: Never
    serviceAccountName: {{ include "dsn-broker.injectorSecret" . }}
    automountServiceAccountToken: true
    enableServiceLinks: false
    securityContext:
      {{- include "dsn-broker.podSecurity" . | nindent 6 }}
    {{- with .Values.imagePullSecrets }}
    imagePullSecrets:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .Values.injector.nodeSelector }}
    nodeSelector:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .Values.injector.tolerations }}
    tolerations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    containers:
      - name: certificate
        image: {{ include "dsn-broker.image" (list . .Values.injector.image) | quote }}
        imagePullPolicy: {{ .Values.injector.image.pullPolicy }}
        args:
          {{- include "dsn-broker.certificateArguments" . | nindent 10 }}
        resources:
          requests: { cpu: 20m, memory: 16Mi }
          limits: { memory: 64Mi }
        securityContext:
          {{- include "dsn-broker.containerSecurity" . | nindent 10 }}
{{- end }}
