{{- define "agentrun-operator.environment" -}}
- name: AGENTRUN_OPERATOR_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: AGENTRUN_OPERATOR_NAMESPACES
  value: {{ join "," .Values.watchNamespaces | quote }}
- name: AGENTRUN_OPERATOR_LEADER_ELECTION
  value: {{ .Values.leaderElection | quote }}
- name: AGENTRUN_OPERATOR_LEASE_NAME
  value: {{ include "agentrun-operator.fullname" . | quote }}
- name: AGENTRUN_OPERATOR_IDENTITY
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: AGENTRUN_OPERATOR_CLUSTER_ID
  value: {{ .Values.clusterId | quote }}
- name: AGENTRUN_OPERATOR_CONTROLLER_CLASS
  value: {{ .Values.controllerClass | quote }}
- name: AGENTRUN_OPERATOR_ENDPOINT_ALLOW_LIST
  value: {{ join "," .Values.endpointAllowList | quote }}
- name: AGENTRUN_OPERATOR_SECRET_ACCESS
  value: {{ .Values.secretAccess | quote }}
- name: AGENTRUN_OPERATOR_POLL_STEADY_SECONDS
  value: {{ .Values.polling.steadySeconds | quote }}
- name: AGENTRUN_OPERATOR_POLL_TRANSITION_SECONDS
  value: {{ .Values.polling.transitionSeconds | quote }}
- name: AGENTRUN_OPERATOR_RESYNC_SECONDS
  value: {{ .Values.resyncSeconds | quote }}
- name: AGENTRUN_OPERATOR_REQUESTS_PER_SECOND
  value: {{ .Values.requestsPerSecond | quote }}
- name: AGENTRUN_OPERATOR_LOG_LEVEL
  value: {{ .Values.logging.level | quote }}
- name: AGENTRUN_OPERATOR_LOG_FORMAT
  value: {{ .Values.logging.format | quote }}
- name: AGENTRUN_OPERATOR_BIND_HOST
  value: "0.0.0.0"
- name: AGENTRUN_OPERATOR_BIND_PORT
  value: "8080"
{{- with .Values.account.id }}
- name: AGENTRUN_OPERATOR_ACCOUNT_ID
  value: {{ . | quote }}
- name: AGENTRUN_OPERATOR_REGION
  value: {{ required "account.region is needed with account.id" $.Values.account.region | quote }}
- name: AGENTRUN_OPERATOR_ENDPOINT
  value: {{ $.Values.account.endpoint | quote }}
{{- end }}
{{- with .Values.credentials.existingSecret }}
- name: AGENTRUN_ACCESS_KEY_ID
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: accessKeyId
- name: AGENTRUN_ACCESS_KEY_SECRET
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: accessKeySecret
- name: AGENTRUN_SECURITY_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: securityToken
      optional: true
{{- end }}
{{- end }}
