{{/*
What the hub reads by z2jh.get_config: the merged values, and who installed them.
*/}}
{{- define "jupyterhub.hubValues" -}}
{{- $values := omit .Values "madeSecrets" -}}
{{- $chart := dict "Name" .Chart.Name "Version" .Chart.Version "AppVersion" .Chart.AppVersion -}}
{{- $release := dict "Name" .Release.Name "Namespace" .Release.Namespace "Service" .Release.Service -}}
{{- merge (dict "Chart" $chart "Release" $release) $values | toYaml -}}
{{- end }}
