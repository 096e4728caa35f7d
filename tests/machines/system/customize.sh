#!/bin/sh
# Run by mmdebstrap on the root file system ($1) of a machine: a user who may use sudo, and what a container needs to boot.
set -eu
root=$1
chroot "$root" useradd --create-home --shell /bin/bash admin
echo 'admin ALL=(ALL) NOPASSWD: ALL' > "$root/etc/sudoers.d/admin"
install -d -m 0700 -o 1000 -g 1000 "$root/home/admin/.ssh"
# systemd must not do these inside a container.
chroot "$root" systemctl mask systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket \
  systemd-udev-trigger.service systemd-firstboot.service getty.target console-getty.service getty@.service \
  sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount dev-hugepages.mount dev-mqueue.mount \
  proc-sys-fs-binfmt_misc.automount run-rpc_pipefs.mount systemd-modules-load.service systemd-sysctl.service \
  apt-daily.timer apt-daily-upgrade.timer
chroot "$root" systemctl enable machine-mounts.service
# Each machine gets its own identity at its first boot.
rm -f "$root"/etc/ssh/ssh_host_*_key*
: > "$root/etc/machine-id"
