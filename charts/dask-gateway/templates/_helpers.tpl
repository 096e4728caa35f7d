{{/* The name that labels objects of this gateway: the release's if it tells what it is. */}}
{{- define "dask-gateway.fullname" -}}
{{- $own := .Release.Name | contains .Chart.Name | ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) -}}
{{- .Values.fullnameOverride | default $own | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{/* Name of an object. Takes (dict "root" $ "part" "api"). */}}
{{- define "dask-gateway.objectName" -}}
{{- printf "%s-%s" .part (include "dask-gateway.fullname" .root) | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "dask-gateway.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "dask-gateway.labels" -}}
{{ include "dask-gateway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
gateway.dask.org/instance: {{ include "dask-gateway.fullname" . }}
{{- end }}

{{/* Name, namespace and labels of an object. Takes (dict "root" $ "part" "api"). */}}
{{- define "dask-gateway.metadata" -}}
name: {{ include "dask-gateway.objectName" . }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "dask-gateway.labels" .root | nindent 2 }}
{{- end }}

{{/* Namespace of the Dask clusters. */}}
{{- define "dask-gateway.clusterNamespace" -}}
{{- .Values.gateway.backend.namespace | default .Release.Namespace -}}
{{- end }}

{{- define "dask-gateway.apiUrl" -}}
http://{{ include "dask-gateway.objectName" (dict "root" . "part" "api") }}.{{ .Release.Namespace }}:8000
{{- end }}

{{- define "dask-gateway.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "dask-gateway.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Image of a container. Takes an image of the values. */}}
{{- define "dask-gateway.image" -}}
image: {{ printf "%s:%s" .name .tag | quote }}
{{- with .pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
{{- end }}

{{/* A probe that can be switched off. Takes (dict "name" "livenessProbe" "probe" .Values... "check" dict). */}}
{{- define "dask-gateway.probe" -}}
{{- if .probe.enabled }}
{{ .name }}:
  {{- merge .check (omit .probe "enabled") | toYaml | nindent 2 }}
{{- end }}
{{- end }}

{{/* Binding of a role to the ServiceAccount of a part. Takes (dict "root" $ "part" "api"). */}}
{{- define "dask-gateway.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "dask-gateway.objectName" . }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}
