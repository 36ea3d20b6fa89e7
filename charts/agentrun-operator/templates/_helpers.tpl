{{- define "agentrun-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* At most 52 characters, so that `-simulator` and the like still fit into a label. */}}
{{- define "agentrun-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := include "agentrun-operator.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "agentrun-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "agentrun-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* How the API server names the operator in a request. */}}
{{- define "agentrun-operator.userName" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "agentrun-operator.serviceAccountName" . }}
{{- end }}

{{- define "agentrun-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "agentrun-operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* The simulator's Pods must not be selected by the operator's Service, budget or policy. */}}
{{- define "agentrun-operator.simulatorSelectorLabels" -}}
app.kubernetes.io/name: {{ printf "%s-simulator" (include "agentrun-operator.name" . | trunc 52) }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "agentrun-operator.metaLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: agentrun-operator
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "agentrun-operator.labels" -}}
{{ include "agentrun-operator.selectorLabels" . }}
{{ include "agentrun-operator.metaLabels" . }}
{{- end }}

{{/* Labels of Pods and objects beside the operator: a test, the guard. */}}
{{- define "agentrun-operator.besideLabels" -}}
app.kubernetes.io/name: {{ printf "%s-%s" (include "agentrun-operator.name" .root | trunc 52) .part }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
{{ include "agentrun-operator.metaLabels" .root }}
{{- end }}

{{- define "agentrun-operator.imageOf" -}}
{{- $repository := .image.repository }}
{{- with .root.Values.image.registry }}
{{- $repository = printf "%s/%s" . $repository }}
{{- end }}
{{- if .image.digest }}
{{- printf "%s@%s" $repository .image.digest }}
{{- else }}
{{- printf "%s:%s" $repository (default .root.Chart.AppVersion .image.tag) }}
{{- end }}
{{- end }}

{{- define "agentrun-operator.image" -}}
{{- include "agentrun-operator.imageOf" (dict "root" . "image" .Values.image) }}
{{- end }}

{{/* A value whose texts may be templates. */}}
{{- define "agentrun-operator.tpl" -}}
{{- tpl (.value | toYaml) .root }}
{{- end }}

{{- define "agentrun-operator.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "agentrun-operator.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "agentrun-operator.simulatorUrl" -}}
http://{{ include "agentrun-operator.fullname" . }}-simulator.{{ .Release.Namespace }}.svc:8080
{{- end }}

{{/* Patterns of endpoints that an Account may name, as a comma list. */}}
{{- define "agentrun-operator.endpoints" -}}
{{- $patterns := .Values.endpointAllowList }}
{{- if .Values.simulator.enabled }}
{{- $patterns = append $patterns (include "agentrun-operator.simulatorUrl" .) }}
{{- end }}
{{- join "," $patterns }}
{{- end }}

{{/*
Whether to render an admission policy, by its `mode`: "yes" or nothing. `helm template` without
a cluster knows versions and no kinds; every version of Kubernetes that the chart runs on has these.
*/}}
{{- define "agentrun-operator.rendersPolicy" -}}
{{- $values := .root.Values }}
{{- $served := .root.Capabilities.APIVersions }}
{{- $knowsKinds := $served.Has "v1/ConfigMap" }}
{{- $isServed := or (not $knowsKinds) ($served.Has "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy") }}
{{- $isOwn := and $values.watchNamespaces (not $values.crds.install) }}
{{- if eq .mode "always" }}yes
{{- else if and (eq .mode "auto") $values.rbac.create $isServed (not $isOwn) }}yes
{{- end }}
{{- end }}

{{/* Whether to render a kind of the Prometheus operator: "yes" or nothing. */}}
{{- define "agentrun-operator.rendersMonitor" -}}
{{- if and .Values.metrics.serviceMonitor.enabled .Values.metrics.podMonitor.enabled }}
{{- fail "metrics.serviceMonitor.enabled and metrics.podMonitor.enabled exclude each other: every series would be scraped twice; keep one" }}
{{- end }}
{{- if .monitor.enabled }}
{{- if or (eq .Values.metrics.renderMode "alwaysRender") (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1") }}yes
{{- else if eq .Values.metrics.renderMode "failIfMissing" }}
{{- fail "metrics.renderMode is failIfMissing and the cluster does not serve monitoring.coreos.com/v1; install the Prometheus operator's CRDs first" }}
{{- end }}
{{- end }}
{{- end }}
