#!/bin/sh
# Before the agent starts: forget state of earlier runs if the chart's settings say so.
set -eu
if [ "${CILIUM_ALL_STATE:-}" = true ]; then
    cilium-dbg post-uninstall-cleanup --force --all-state
elif [ "${CILIUM_BPF_STATE:-}" = true ]; then
    cilium-dbg post-uninstall-cleanup --force --bpf-state
fi
