#!/usr/bin/env bash
# Prints what tells why a platform does not work: nodes, pods, events, logs of what is not ready. Changes nothing.
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
set +e

# A run that was cut off has not written yet where the platform is.
known=$(kubeconfig)
export KUBECONFIG=${KUBECONFIG:-${known:-state/kubeconfig}} PATH="$PATH:$cache_dir/bin"
section() { printf '\n== %s ==\n' "$*"; }

section machine
free -m
df -h / "$cache_dir" 2>/dev/null
command -v podman >/dev/null && podman ps --all
if [ ! -s "$KUBECONFIG" ] || ! command -v kubectl >/dev/null; then
    section "no cluster to ask"
    exit 0
fi
kubectl="timeout 20 kubectl"
section nodes and pods
$kubectl get nodes --output wide
$kubectl get pods --all-namespaces --output wide
section last events
$kubectl get events --all-namespaces --sort-by=.lastTimestamp | tail -n 40
$kubectl get pods --all-namespaces --no-headers | awk '{split($3, r, "/"); if (r[1] != r[2] && $4 != "Completed") print $1, $2}' |
    while read -r namespace pod; do
        section "$namespace/$pod"
        $kubectl --namespace "$namespace" logs "$pod" --all-containers --tail 40 </dev/null
    done
