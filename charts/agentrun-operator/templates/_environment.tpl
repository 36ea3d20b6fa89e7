{{/* What every command of the operator needs to know: where it is, and whose objects are its own. */}}
{{- define "agentrun-operator.scope" -}}
- name: AGENTRUN_OPERATOR_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: AGENTRUN_OPERATOR_NAMESPACES
  value: {{ join "," .Values.watchNamespaces | quote }}
- name: AGENTRUN_OPERATOR_CONTROLLER_CLASS
  value: {{ .Values.controllerClass | quote }}
- name: AGENTRUN_OPERATOR_LOG_FORMAT
  value: {{ .Values.logging.format | quote }}
{{- end }}

{{- define "agentrun-operator.environment" -}}
{{ include "agentrun-operator.scope" . }}
- name: AGENTRUN_OPERATOR_LOG_LEVEL_FILE
  value: /etc/agentrun-operator/logging/level
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
- name: AGENTRUN_OPERATOR_ENDPOINT_ALLOW_LIST
  value: {{ include "agentrun-operator.endpoints" . | quote }}
- name: AGENTRUN_OPERATOR_SECRET_ACCESS
  value: {{ .Values.secretAccess | quote }}
- name: AGENTRUN_OPERATOR_SECRET_NAMESPACES
  value: {{ join "," .Values.secretNamespaces | quote }}
- name: AGENTRUN_OPERATOR_POLL_STEADY_SECONDS
  value: {{ .Values.polling.steadySeconds | quote }}
- name: AGENTRUN_OPERATOR_POLL_TRANSITION_SECONDS
  value: {{ .Values.polling.transitionSeconds | quote }}
- name: AGENTRUN_OPERATOR_RESYNC_SECONDS
  value: {{ .Values.resyncSeconds | quote }}
- name: AGENTRUN_OPERATOR_REQUESTS_PER_SECOND
  value: {{ .Values.requestsPerSecond | quote }}
- name: AGENTRUN_OPERATOR_BIND_HOST
  value: "0.0.0.0"
- name: AGENTRUN_OPERATOR_BIND_PORT
  value: "8080"
{{- if .Values.debug.enabled }}
- name: AGENTRUN_OPERATOR_DEBUG_HOST
  value: {{ .Values.debug.host | quote }}
- name: AGENTRUN_OPERATOR_DEBUG_PORT
  value: {{ .Values.debug.port | quote }}
{{- end }}
{{- with .Values.account.id }}
- name: AGENTRUN_OPERATOR_ACCOUNT_ID
  value: {{ . | quote }}
- name: AGENTRUN_OPERATOR_REGION
  value: {{ $.Values.account.region | quote }}
- name: AGENTRUN_OPERATOR_ENDPOINT
  value: {{ $.Values.account.endpoint | quote }}
- name: AGENTRUN_OPERATOR_IDENTITY_CHECK
  value: {{ dig "identityCheck" "mode" "Verify" $.Values.account | quote }}
- name: AGENTRUN_OPERATOR_STS_ENDPOINT
  value: {{ dig "identityCheck" "endpoint" "" $.Values.account | quote }}
{{- with $.Values.account.allow }}
- name: AGENTRUN_OPERATOR_ACCOUNT_ALLOW
  value: {{ . | toJson | quote }}
{{- end }}
{{- end }}
{{- with .Values.traces }}
{{- if .enabled }}
- name: OTEL_TRACES_EXPORTER
  value: otlp
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .endpoint | quote }}
- name: OTEL_TRACES_SAMPLER
  value: parentbased_traceidratio
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ .samplingRatio | quote }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.namespace.name=$(AGENTRUN_OPERATOR_NAMESPACE),k8s.pod.name=$(AGENTRUN_OPERATOR_IDENTITY)
{{- end }}
{{- end }}
{{ include "agentrun-operator.credentials" . }}
{{- end }}

{{- define "agentrun-operator.credentials" -}}
{{- $rrsa := .Values.credentials.rrsa }}
{{- if eq .Values.credentials.mode "Secret" }}
{{- range $variable, $key := dict "ACCESS_KEY_ID" "accessKeyId" "ACCESS_KEY_SECRET" "accessKeySecret" "SECURITY_TOKEN" "securityToken" }}
- name: AGENTRUN_{{ $variable }}
  valueFrom:
    secretKeyRef:
      name: {{ $.Values.credentials.existingSecret | quote }}
      key: {{ $key }}
      {{- if eq $key "securityToken" }}
      optional: true
      {{- end }}
{{- end }}
{{- else if eq .Values.credentials.mode "RRSAManual" }}
- name: ALIBABA_CLOUD_ROLE_ARN
  value: {{ $rrsa.roleArn | quote }}
- name: ALIBABA_CLOUD_OIDC_PROVIDER_ARN
  value: {{ $rrsa.oidcProviderArn | quote }}
- name: ALIBABA_CLOUD_OIDC_TOKEN_FILE
  value: /var/run/secrets/ack.alibabacloud.com/rrsa-tokens/token
{{- with $rrsa.stsRegion }}
- name: ALIBABA_CLOUD_STS_REGION
  value: {{ . | quote }}
- name: ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED
  value: {{ $rrsa.stsVpc | quote }}
{{- end }}
{{- else if eq .Values.credentials.mode "ECSRole" }}
- name: AGENTRUN_OPERATOR_INSTANCE_ROLE
  value: "true"
{{- end }}
{{- if hasPrefix "RRSA" .Values.credentials.mode }}
# Nothing may fall back to the role of the node.
- name: ALIBABA_CLOUD_ECS_METADATA_DISABLED
  value: "true"
{{- end }}
{{- end }}
