{{/*
Peers: one of this release's components in this namespace.
*/}}
{{- define "jupyterhub.peer" -}}
- podSelector:
    matchLabels:
      {{- include "jupyterhub.selector" . | nindent 6 }}
{{- end }}

{{/*
Who may come in by access label: takes (dict "policy" P "label" "hub" "port" "http").
*/}}
{{- define "jupyterhub.accessIngress" -}}
{{- $label := printf "hub.jupyter.org/network-access-%s" .label -}}
- ports:
    - port: {{ .port }}
  from:
    - podSelector:
        matchLabels:
          {{ $label }}: "true"
{{- end }}

{{- define "jupyterhub.freeIngress" -}}
{{- with .allowedIngressPorts }}
- ports:
    {{- range . }}
    - port: {{ . }}
    {{- end }}
{{- end }}
{{- with .ingress }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/*
What `egressAllowRules` and `egress` allow: takes (dict "root" $ "policy" P).
*/}}
{{- define "jupyterhub.freeEgress" -}}
{{- $private := list "10.0.0.0/8" "172.16.0.0/12" "192.168.0.0/16" -}}
{{- $metadata := printf "%s/32" .root.Values.singleuser.cloudMetadata.ip -}}
{{- $allow := .policy.egressAllowRules -}}
{{- if or $allow.dnsPortsKubeSystemNamespace $allow.dnsPortsPrivateIPs $allow.dnsPortsCloudMetadataServer }}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
  to:
    {{- if $allow.dnsPortsKubeSystemNamespace }}
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
    {{- end }}
    {{- if $allow.dnsPortsPrivateIPs }}
    {{- range $private }}
    - ipBlock: {cidr: {{ . }}}
    {{- end }}
    {{- end }}
    {{- if $allow.dnsPortsCloudMetadataServer }}
    - ipBlock: {cidr: {{ $metadata }}}
    {{- end }}
{{- end }}
{{- if $allow.nonPrivateIPs }}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except:
          {{- append $private $metadata | toYaml | nindent 10 }}
{{- end }}
{{- if $allow.privateIPs }}
- to:
    {{- range $private }}
    - ipBlock: {cidr: {{ . }}}
    {{- end }}
{{- end }}
{{- if $allow.cloudMetadataServer }}
- to:
    - ipBlock: {cidr: {{ $metadata }}}
{{- end }}
{{- with .policy.egress }}
{{ toYaml . }}
{{- end }}
{{- end }}
