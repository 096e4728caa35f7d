{{/*
Labels. Each takes (dict "root" $ "component" "hub").
Selectors of existing Deployments cannot change, so they use the same three
labels as upstream; everything else carries both sets.
*/}}
{{- define "jupyterhub.selector" -}}
app: {{ .root.Chart.Name }}
component: {{ .component }}
release: {{ .root.Release.Name }}
{{- end }}

{{- define "jupyterhub.podLabels" -}}
{{ include "jupyterhub.selector" . }}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "jupyterhub.labels" -}}
{{- $chart := printf "%s-%s" .root.Chart.Name (.root.Chart.Version | replace "+" "_") -}}
{{ include "jupyterhub.podLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ $chart }}
chart: {{ $chart }}
heritage: {{ .root.Release.Service }}
{{- end }}

{{/*
A secret value that is made once: explicit, else from the live Secret `hub`,
else random. Takes (dict "root" $ "key" K "explicit" V "kind" "token"|"hex").
What was made is remembered for this rendering, so that every template sees the
same value.
*/}}
{{- define "jupyterhub.secretValue" -}}
{{- $made := .root.Values.madeSecrets | default dict -}}
{{- if not (hasKey $made .key) -}}
{{-   $live := (lookup "v1" "Secret" .root.Release.Namespace "hub").data | default dict -}}
{{-   $random := eq .kind "hex" | ternary (randAlphaNum 64 | sha256sum) (randAlphaNum 64) -}}
{{-   $value := $random -}}
{{-   if .explicit -}}
{{-     $value = .explicit -}}
{{-   else if hasKey $live .key -}}
{{-     $value = index $live .key | b64dec -}}
{{-   end -}}
{{-   $_ := set $made .key $value -}}
{{-   $_ := set .root.Values "madeSecrets" $made -}}
{{- end -}}
{{- index $made .key -}}
{{- end }}

{{- define "jupyterhub.proxyToken" -}}
{{- include "jupyterhub.secretValue" (dict "root" . "key" "hub.config.ConfigurableHTTPProxy.auth_token" "kind" "token" "explicit" "") -}}
{{- end }}

{{/*
Environment from a map: name to a string, or to the rest of an env entry.
*/}}
{{- define "jupyterhub.env" -}}
{{- range $name, $value := . }}
- name: {{ $name | quote }}
{{- if kindIs "map" $value }}
  {{- $value | toYaml | nindent 2 }}
{{- else }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Secret `data` entries of an extraFiles map, whose files give their content as
`stringData`, `binaryData` (base64) or `data` (an object, written in the format
that the mount path's suffix names).
*/}}
{{- define "jupyterhub.extraFilesData" -}}
{{- range $key, $file := . }}
{{- if hasKey $file "binaryData" }}
{{ $key | quote }}: {{ $file.binaryData | replace "\n" "" | quote }}
{{- else if hasKey $file "stringData" }}
{{ $key | quote }}: {{ $file.stringData | b64enc | quote }}
{{- else if hasSuffix ".json" $file.mountPath }}
{{ $key | quote }}: {{ $file.data | toJson | b64enc | quote }}
{{- else if hasSuffix ".toml" $file.mountPath }}
{{ $key | quote }}: {{ $file.data | toToml | b64enc | quote }}
{{- else if or (hasSuffix ".yaml" $file.mountPath) (hasSuffix ".yml" $file.mountPath) }}
{{ $key | quote }}: {{ $file.data | toYaml | b64enc | quote }}
{{- else }}
{{- fail (printf "extraFiles.%s: `data` needs a mountPath that ends in .json, .toml, .yaml or .yml; use `stringData` for other files" $key) }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Where a pod may run: takes (dict "purpose" "core"|"user" "match" "prefer"|"require"|"ignore").
*/}}
{{- define "jupyterhub.nodeAffinity" -}}
{{- if ne .match "ignore" }}
affinity:
  nodeAffinity:
    {{- if eq .match "prefer" }}
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        preference:
          matchExpressions:
            - {key: hub.jupyter.org/node-purpose, operator: In, values: [{{ .purpose }}]}
    {{- else }}
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        - matchExpressions:
            - {key: hub.jupyter.org/node-purpose, operator: In, values: [{{ .purpose }}]}
    {{- end }}
{{- end }}
{{- end }}

{{/*
Security context of every container that needs no identity of its own.
*/}}
{{- define "jupyterhub.nobody" -}}
runAsNonRoot: true
runAsUser: 65534
runAsGroup: 65534
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/*
HTTP probe: takes (dict "probe" values "get" httpGet-map).
*/}}
{{- define "jupyterhub.probe" -}}
httpGet:
  {{- .get | toYaml | nindent 2 }}
initialDelaySeconds: {{ .probe.initialDelaySeconds }}
periodSeconds: {{ .probe.periodSeconds }}
timeoutSeconds: {{ .probe.timeoutSeconds }}
failureThreshold: {{ .probe.failureThreshold }}
{{- end }}
