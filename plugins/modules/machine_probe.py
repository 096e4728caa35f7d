#!/usr/bin/python
"""What this machine has: its user, memory, free disk, ports in use and files that are missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: machine_probe
short_description: What a machine has for a cluster to run on it
version_added: "1.0"
author: z2jh
description:
  - Reads memory, free disk, listening ports and missing files; changes nothing.
options:
  folders:
    description: Folders whose file systems to measure; they need not exist.
    type: list
    elements: path
    default: []
  ports:
    description: TCP ports to look for.
    type: list
    elements: int
    default: []
  containers:
    description: Names of podman containers whose ports do not count as taken.
    type: list
    elements: str
    default: []
  files:
    description: Files to look for.
    type: list
    elements: path
    default: []
"""

RETURN = """
uid:
  description: The user's number.
  type: int
  returned: always
memory_mib:
  description: Memory of the machine, or of its cgroup if that has less.
  type: int
  returned: always
free_mib:
  description: Free disk by folder; of folders on one file system only the first.
  type: dict
  returned: always
taken:
  description: Which program holds a port, by port.
  type: dict
  returned: always
missing:
  description: Files that do not exist.
  type: list
  returned: always
"""

MIB = 1024 * 1024
LISTENING = "0A"
CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
# 127.0.0.1, 0.0.0.0 and :: as the kernel writes them in /proc/net/tcp and tcp6.
LOCAL_ADDRESSES = ("0100007F", "00000000", "0" * 32)


def memory_mib() -> int:
    """Return the memory that programs here may use."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in CGROUP_LIMITS:
        try:
            total = min(total, int(Path(path).read_text()))
        except (OSError, ValueError):
            continue
    return total // MIB


def free_mib(folders: list[str]) -> dict[str, int]:
    """Measure each file system once, at the nearest folder that exists."""
    free: dict[str, int] = {}
    devices = set()
    for folder in folders:
        path = Path(folder)
        while not path.exists():
            path = path.parent
        if (device := path.stat().st_dev) not in devices:
            devices.add(device)
            free[folder] = shutil.disk_usage(path).free // MIB
    return free


def listening(ports: list[int]) -> dict[str, int]:
    """Return the ports among these that are listened on here, by the socket's inode."""
    sockets = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        path = Path(table)
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            fields = line.split()
            address, _, port = fields[1].partition(":")
            if fields[3] == LISTENING and address in LOCAL_ADDRESSES and int(port, 16) in ports:
                sockets[fields[9]] = int(port, 16)
    return sockets


def holders(inodes: set[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the inode and the command line of each process that holds one of these sockets."""
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = str(descriptor.readlink())
            if target.startswith("socket:[") and target[8:-1] in inodes:
                command = (descriptor.parent.parent / "cmdline").read_text().rstrip("\0").split("\0")
                yield target[8:-1], command
        except OSError:
            continue


def taken(ports: list[int], containers: list[str]) -> dict[str, str]:
    """Name the program that holds each port; ports of the containers named do not count."""
    sockets = listening(ports)
    names = {str(port): "another program" for port in sockets.values()}
    for inode, command in holders(set(sockets)) if sockets else ():
        program = Path(command[0]).name
        if program == "conmon" and "-n" in command and command[command.index("-n") + 1] in containers:
            names.pop(str(sockets[inode]), None)
        elif str(sockets[inode]) in names:
            names[str(sockets[inode])] = program
    return names


def main() -> None:
    """Answer Ansible."""
    module = AnsibleModule(
        argument_spec={
            "folders": {"type": "list", "elements": "path", "default": []},
            "ports": {"type": "list", "elements": "int", "default": []},
            "containers": {"type": "list", "elements": "str", "default": []},
            "files": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    params: dict[str, Any] = module.params
    module.exit_json(
        changed=False,
        uid=os.geteuid(),
        memory_mib=memory_mib(),
        free_mib=free_mib(params["folders"]),
        taken=taken(params["ports"], params["containers"]),
        missing=[file for file in params["files"] if not Path(file).exists()],
    )


if __name__ == "__main__":
    main()
