#!/bin/sh
# Before the agent stops: take the CNI configuration away only if the chart's setting says so, as on an uninstall.
# At an ordinary restart it stays, so that pods can start meanwhile.
set -eu
if [ "$(cat /tmp/cilium/config-map/cni-uninstall 2>/dev/null)" = true ]; then
    rm -f /host/etc/cni/net.d/*cilium*.conf /host/etc/cni/net.d/*cilium*.conflist
fi
