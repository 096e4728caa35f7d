#!/usr/bin/python
"""What a machine is and has, and whom it reaches: everything that decides whether a cluster can run on it."""

from __future__ import annotations

import base64
import json
import os
import platform
import re
import resource
import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: machine_probe
short_description: What a machine has for a cluster to run on it
version_added: "1.0"
author: z2jh
description:
  - Reads what the machine is, has and is connected to, and what its kernel allows; changes nothing.
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
  address:
    description: An IPv4 address of the machine on which those ports count too.
    type: str
    default: ""
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
  note:
    description: File that names, one a line, the packages that were installed here for the platform; it need not exist.
    type: path
    default: ""
  ca:
    description: File of the CA of the cluster that the machine is a node of; it need not exist.
    type: path
    default: ""
  kubelet:
    description: Folder of the kubelet, which kubeadm has told its node's name and address; it need not exist.
    type: path
    default: ""
  peers:
    description: Other machines to reach, each as ADDRESS:PORT. One that refuses is reached.
    type: list
    elements: str
    default: []
  names:
    description: Host names to look up.
    type: list
    elements: str
    default: []
  clock:
    description: What the clock of the machine that asks says, in seconds since 1970.
    type: float
attributes:
  check_mode: {support: full, description: It only reads.}
"""

RETURN = """
uid:
  description: The user's number.
  type: int
  returned: always
cpus:
  description: How many CPUs programs may use.
  type: int
  returned: always
memory_mib:
  description: Memory of the machine, or of its cgroup if that has less.
  type: int
  returned: always
swap_mib:
  description: Swap that is on.
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
noted:
  description: Packages that O(note) names.
  type: list
  returned: always
ca:
  description: What O(ca) holds, in base64 as in a kubeconfig; empty without one.
  type: str
  returned: always
node:
  description: The name and address by which the machine is a node, from O(kubelet); empty if it has joined no cluster.
  type: dict
  returned: always
system:
  description: The operating system - id, version and name - and architecture, hostname and machine_id.
  type: dict
  returned: always
ahead:
  description: Seconds that this machine's clock is ahead of O(clock); the time that asking takes counts too.
  type: float
  returned: when O(clock) is given
addresses:
  description: IPv4 addresses of the machine.
  type: list
  returned: always
networks:
  description: IPv4 networks that routes lead to, each with its device and the machine's own address on it, if any.
  type: list
  returned: always
unreached:
  description: Why a peer is not reached, by its ADDRESS:PORT.
  type: dict
  returned: always
unknown:
  description: Names that cannot be looked up.
  type: list
  returned: always
kernel:
  description: >-
    What the kernel allows here - cgroup_v2, sys_resource, modules, nofile, nproc, inotify_instances, ip_forward,
    loop_devices.
  type: dict
  returned: always
"""

MIB = 1024 * 1024
LISTENING = "0A"
CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
# 127.0.0.1, 0.0.0.0 and :: as the kernel writes them in /proc/net/tcp and tcp6.
LOCAL_ADDRESSES = ("0100007F", "00000000", "0" * 32)
PEER_TIMEOUT = 3.0
CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)
CAP_SYS_MODULE, CAP_SYS_RESOURCE = 16, 24
# The kernel's own bound of both, in place of "unlimited".
MOST_FILES, MOST_PROCESSES = 1048576, 4194304


def memory_mib() -> int:
    """Return the memory that programs here may use."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in CGROUP_LIMITS:
        try:
            total = min(total, int(Path(path).read_text()))
        except (OSError, ValueError):
            continue
    return total // MIB


def swap_mib(swaps: str) -> int:
    """Return the swap that is on, from the content of /proc/swaps."""
    return sum(int(line.split()[2]) for line in swaps.splitlines()[1:]) // 1024


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


def listening(ports: list[int], address: str = "") -> dict[str, int]:
    """Return the ports among these that are listened on here, by the socket's inode."""
    own = (*LOCAL_ADDRESSES, socket.inet_aton(address)[::-1].hex().upper()) if address else LOCAL_ADDRESSES
    sockets = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        path = Path(table)
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            fields = line.split()
            host, _, port = fields[1].partition(":")
            if fields[3] == LISTENING and host in own and int(port, 16) in ports:
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


def taken(ports: list[int], containers: list[str], address: str = "") -> dict[str, str]:
    """Name the program that holds each port; ports of the containers named do not count."""
    sockets = listening(ports, address)
    names = {str(port): "another program" for port in sockets.values()}
    for inode, command in holders(set(sockets)) if sockets else ():
        program = Path(command[0]).name
        if program == "conmon" and "-n" in command and command[command.index("-n") + 1] in containers:
            names.pop(str(sockets[inode]), None)
        elif str(sockets[inode]) in names:
            names[str(sockets[inode])] = program
    return names


def system() -> dict[str, str]:
    """Name the operating system and the machine; older Pythons, too, can say theirs."""
    lines = [line.partition("=") for line in Path("/etc/os-release").read_text().splitlines()]
    release = {key: value.strip("\"'") for key, _, value in lines}
    machine_id = Path("/etc/machine-id")
    return {
        "id": release["ID"],
        "version": release.get("VERSION_ID", ""),
        "name": release["PRETTY_NAME"],
        "architecture": platform.machine(),
        "hostname": platform.node(),
        "machine_id": machine_id.read_text().strip() if machine_id.exists() else "",
    }


def noted(note: str) -> list[str]:
    """Return the packages that a note names; without one there are none."""
    return Path(note).read_text().split() if note and Path(note).exists() else []


def content(path: str) -> str:
    """Return what a file holds, in base64; nothing if there is none."""
    return base64.b64encode(Path(path).read_bytes()).decode() if path and Path(path).exists() else ""


def node(kubelet: str) -> dict[str, str]:
    """Return by which name and address the machine is a node; nothing if its kubelet has no certificate of a cluster.

    Kubernetes knows a kubelet by its certificate's subject, system:node:NAME; kubeadm has told it its --node-ip.
    """
    flags, certificate = Path(kubelet, "kubeadm-flags.env"), Path(kubelet, "pki", "kubelet-client-current.pem")
    # Without being root one may not even ask; Path.exists would raise that.
    if not (kubelet and os.path.exists(flags) and os.path.exists(certificate)):  # noqa: PTH110
        return {}
    # The key is in the same file. In DER a string follows its length, one byte for less than 128.
    der = ssl.PEM_cert_to_DER_cert(CERTIFICATE.findall(certificate.read_text())[0])
    begin = der.index(b"system:node:")
    name = der[begin : begin + der[begin - 1]].decode().rpartition(":")[2]
    address = re.search(r"--node-ip=([^\s\"]+)", flags.read_text())
    return {"name": name, "address": address[1] if address else ""}


def networks(routes: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the networks that routes lead to, from what `ip -json route` says; `address` is ours on a network."""
    return [
        {"network": route["dst"], "device": route.get("dev", ""), "address": route.get("prefsrc", "")}
        for route in routes
        if "/" in route["dst"] and route.get("type", "unicast") == "unicast"
    ]


def addresses(devices: list[dict[str, Any]]) -> list[str]:
    """Return the machine's addresses, from what `ip -json address` says."""
    return [entry["local"] for device in devices for entry in device.get("addr_info", [])]


def reach(peer: str) -> tuple[str, str]:
    """Return an ADDRESS:PORT and why it is not reached, if so. Refusing is an answer."""
    address, _, port = peer.rpartition(":")
    try:
        socket.create_connection((address, int(port)), PEER_TIMEOUT).close()
    except ConnectionRefusedError:
        return peer, ""
    except socket.timeout:  # noqa: UP041 - TimeoutError is another one before Python 3.10
        return peer, "no answer"
    except OSError as error:
        return peer, (error.strerror or str(error)).lower()
    return peer, ""


def unknown(names: list[str]) -> list[str]:
    """Return the names that cannot be looked up."""

    def known(name: str) -> bool:
        try:
            return bool(socket.getaddrinfo(name, None))
        except OSError:
            return False

    return [name for name in names if not known(name)]


def kernel() -> dict[str, Any]:
    """Find out what the kernel allows this user here."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    capabilities = int(status["CapEff"], 16)

    def limit(kind: int, most: int) -> int:
        hard = resource.getrlimit(kind)[1]
        return most if hard == resource.RLIM_INFINITY else hard

    return {
        "cgroup_v2": " /sys/fs/cgroup cgroup2 " in Path("/proc/mounts").read_text(),
        "sys_resource": bool(capabilities >> CAP_SYS_RESOURCE & 1),
        "modules": bool(capabilities >> CAP_SYS_MODULE & 1)
        and Path("/lib/modules", platform.release(), "modules.dep").exists(),
        "nofile": limit(resource.RLIMIT_NOFILE, MOST_FILES),
        "nproc": limit(resource.RLIMIT_NPROC, MOST_PROCESSES),
        "inotify_instances": int(Path("/proc/sys/fs/inotify/max_user_instances").read_text()),
        "ip_forward": int(Path("/proc/sys/net/ipv4/ip_forward").read_text()),
        "loop_devices": Path("/dev/loop-control").exists(),
    }


def main() -> None:
    """Answer Ansible."""
    texts: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
    paths: dict[str, Any] = {"type": "list", "elements": "path", "default": []}
    module = AnsibleModule(
        argument_spec={
            "folders": paths,
            "ports": {"type": "list", "elements": "int", "default": []},
            "address": {"type": "str", "default": ""},
            "containers": texts,
            "files": paths,
            "note": {"type": "path", "default": ""},
            "ca": {"type": "path", "default": ""},
            "kubelet": {"type": "path", "default": ""},
            "peers": texts,
            "names": texts,
            "clock": {"type": "float"},
        },
        supports_check_mode=True,
    )
    params: dict[str, Any] = module.params
    now = time.time()
    code, routes, _ = module.run_command(["ip", "-json", "-4", "route"])
    devices = module.run_command(["ip", "-json", "-4", "address"])[1] if code == 0 else "[]"
    with ThreadPoolExecutor(max_workers=16) as pool:
        answers = dict(pool.map(reach, params["peers"]))
    module.exit_json(
        changed=False,
        uid=os.geteuid(),
        cpus=len(os.sched_getaffinity(0)),
        memory_mib=memory_mib(),
        swap_mib=swap_mib(Path("/proc/swaps").read_text()),
        free_mib=free_mib(params["folders"]),
        taken=taken(params["ports"], params["containers"], params["address"]),
        missing=[file for file in params["files"] if not Path(file).exists()],
        noted=noted(params["note"]),
        ca=content(params["ca"]),
        node=node(params["kubelet"]),
        system=system(),
        ahead=now - params["clock"] if params["clock"] else None,
        addresses=addresses(json.loads(devices)),
        networks=networks(json.loads(routes)) if code == 0 else [],
        unreached={peer: why for peer, why in answers.items() if why},
        unknown=unknown(params["names"]),
        kernel=kernel(),
    )


if __name__ == "__main__":
    main()
