#!/bin/sh
# Put the CNI plugin on the node, under its name in one step: the container runtime may be starting a pod right now.
set -eu
bin=/host/opt/cni/bin
cp /opt/cni/bin/cilium-cni "$bin/.cilium-cni.new"
mv "$bin/.cilium-cni.new" "$bin/cilium-cni"
