#!/bin/sh
# Volumes on a node's disk, each a file system of its own: what is in one cannot outgrow it.
# The file system of the volume FOLDER is the file FOLDER.img. It is sparse, so it takes what is in it.
# Usage: z2jh-volume make FOLDER BYTES | remove FOLDER | attach FOLDER_OF_VOLUMES
set -eu

# A node that is a container has device files for the loop devices of when it began only.
loop_device() {
    device=$(losetup --find)
    [ -b "$device" ] || mknod -m 0660 "$device" b 7 "${device#/dev/loop}"
}

# Until it is attached, its folder is root's: no pod writes there to the node's own disk.
attach() {
    if ! mountpoint -q "$1"; then
        loop_device
        # What is deleted in it is given back to the disk.
        mount -o loop,nosuid,nodev,discard "$1.img" "$1"
    fi
}

# A folder without a file system is a volume of before there were any, or of a node that has no loop devices: it stays.
make() {
    if [ -e /dev/loop-control ] && [ ! -d "$1" ]; then
        mkdir -p "$(dirname "$1")"
        rm -f "$1.new"
        (umask 077 && truncate -s "$2" "$1.new")
        mkfs.ext4 -q -m 0 "$1.new"
        mv "$1.new" "$1.img"
    fi
    mkdir -p "$1"
    if [ -e "$1.img" ]; then
        attach "$1"
        rmdir "$1/lost+found" 2>/dev/null || true
    fi
    # The pod's user writes there, whoever it is: nobody else's pod mounts it.
    chmod 0777 "$1"
}

remove() {
    ! mountpoint -q "$1" || umount "$1"
    rm -rf "$1" "$1.img" "$1.new"
}

# One that cannot be attached keeps no other from its pods.
attach_all() {
    failed=0
    for image in "$1"/*.img; do
        [ ! -e "$image" ] || attach "${image%.img}" || failed=1
    done
    return "$failed"
}

exec 9>/run/lock/z2jh-volume
flock 9
command=$1
shift
case $command in
make) make "$1" "$2" ;;
remove) remove "$1" ;;
attach) attach_all "$1" ;;
*)
    echo "z2jh-volume: there is no $command" >&2
    exit 2
    ;;
esac
