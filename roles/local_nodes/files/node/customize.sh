#!/bin/sh
# Run by mmdebstrap on the root file system ($1) of the node image: what systemd must not do inside a container.
set -eu
root=$1
chroot "$root" systemctl mask systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket \
  systemd-udev-trigger.service systemd-firstboot.service getty.target console-getty.service getty@.service \
  sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount dev-hugepages.mount dev-mqueue.mount \
  proc-sys-fs-binfmt_misc.automount systemd-binfmt.service run-rpc_pipefs.mount systemd-modules-load.service \
  systemd-sysctl.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer
# Configured and started by the roles containerd, registry and api_endpoint.
chroot "$root" systemctl disable containerd.service docker-registry.service haproxy.service
chroot "$root" systemctl enable node-mounts.service
# Each node gets its own identity at first boot.
rm -f "$root"/etc/ssh/ssh_host_*_key*
install -d -m 0700 "$root/root/.ssh"
: > "$root/etc/machine-id"
rm -rf "$root/var/lib/apt/lists/"* "$root/var/cache/apt/"*.bin "$root/usr/share/doc/"* "$root/usr/share/man/"*
