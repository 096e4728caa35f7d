#!/bin/sh
# Removes the chains that Cilium and the kubelet made, and the rules that name them; says so if there were any.
set -eu
for program in iptables ip6tables; do
    command -v "$program-save" >/dev/null || continue
    rules=$("$program-save")
    if printf '%s' "$rules" | grep -qE 'CILIUM_|KUBE-'; then
        printf '%s\n' "$rules" | grep -vE 'CILIUM_|KUBE-' | "$program-restore"
        echo "removed the rules of $program"
    fi
done
