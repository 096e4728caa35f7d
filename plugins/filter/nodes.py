"""One sentence for everything that keeps machines, reached by SSH or this one, from becoming nodes of one cluster."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Any

DOCUMENTATION = """
name: nodes_findings
short_description: What keeps machines from becoming nodes, one sentence each
version_added: "1.0"
author: z2jh
description:
  - Compares what the module machine_probe found on each machine with what a node needs and with the other machines.
    Empty when all is well.
options:
  _input:
    description: The registered result of machine_probe by inventory name; one that was not reached counts too.
    type: dict
    required: true
  addresses:
    description: Address of each node (node_ip) by inventory name.
    type: dict
    required: true
  needs:
    description: What a node needs - cpus, memory_gib, disk_gib, disk_running_gib and clock_seconds.
    type: dict
    required: true
  networks:
    description: Networks of the cluster by the names of their settings.
    type: dict
    required: true
  architecture:
    description: Architecture of the control machine, for which programs are made.
    type: str
    required: true
  known:
    description: Whether this checkout has made a cluster, or begun to, so that its state/ holds the keys.
    type: bool
    default: true
  ca:
    description: The CA of that cluster in base64, as its kubeconfig has it; empty while there is none.
    type: str
    default: ""
"""

# The oldest release of each family that has the packages of a node.
RELEASES = {"debian": (12,), "ubuntu": (24, 4)}
# What role containerd, kubernetes_node or registry leaves: such a machine is a node of ours, perhaps a half-made one.
MARKS = ("/etc/kubernetes", "/etc/z2jh-registry")
DOCKER = "/usr/bin/dockerd"
# Packages whose configuration roles containerd and api_endpoint write, and what tells that they are there.
CONFIGURED = {"containerd": "/usr/bin/containerd", "haproxy": "/usr/sbin/haproxy"}

Probe = Mapping[str, Any]


def _refused(name: str, result: Probe) -> str | None:
    """Say why a machine could not be looked at."""
    if "system" in result:
        return None
    reason = " ".join(str(result.get("module_stderr") or result.get("msg") or "it did not say why").split())
    # What Mitogen says before what ssh, or the machine's shell, said.
    reason = reason.removeprefix("Task failed: ").removeprefix("EOF on stream; last 100 lines received: ")
    without_python = re.search(r"python\S*: (not found|No such file)", reason)
    if result.get("unreachable") and not without_python:
        return (
            f"{name} is not reached by SSH ({reason}): check ansible_host, ansible_user and the key, and log in once "
            "by hand so that its host key is known."
        )
    if "sudo" in reason or "become" in reason:
        return (
            f"{name} does not let its user become root ({reason}): let ansible_user use sudo, and give its password "
            "with scripts/up.sh -K if it needs one."
        )
    return f"{name} could not be looked at ({reason}): install Python 3 on it (apt install python3)."


def _common(name: str, probe: Probe, cpus: int) -> Iterator[str]:
    """Check what a machine has to be, whether it is a node or holds nodes of place local."""
    system = probe["system"]
    version = tuple(int(part) for part in system["version"].split(".") if part.isdigit())
    if system["id"] not in RELEASES or version < RELEASES[system["id"]]:
        yield f"{name} runs {system['name']}: use Debian 12 or newer, or Ubuntu 24.04 or newer."
    if probe["cpus"] < cpus:
        yield f"{name} has too few CPUs, {probe['cpus']}, and {cpus} are needed: use a larger machine."
    if probe["swap_mib"]:
        yield (
            f"{name} has {probe['swap_mib'] / 1024:.1f} GiB of swap on, into which Secrets of the cluster would be "
            "written: turn it off (swapoff -a) and take it out of /etc/fstab."
        )


def _system(name: str, probe: Probe, architecture: str) -> Iterator[str]:
    """Check what the machine runs."""
    system = probe["system"]
    if system["architecture"] != architecture:
        yield (
            f"{name} is a machine of kind {system['architecture']}, and programs are made on this one for "
            f"{architecture}: use machines of one kind."
        )
    if probe["uid"] != 0:
        yield f"{name} is reached as a user who is not root: set ansible_become=true beside it in the inventory."
    if DOCKER not in probe["missing"]:
        yield (
            f"{name} runs Docker, whose containerd the cluster would take over: remove Docker there, or use another "
            "machine."
        )


def _strangers(name: str, probe: Probe) -> Iterator[str]:
    """Check that no program is there for something else. What role node installs it has noted before."""
    for package, program in CONFIGURED.items():
        of_docker = package == "containerd" and DOCKER not in probe["missing"]
        if program not in probe["missing"] and package not in probe["noted"] and not of_docker:
            yield (
                f"{name} has {package} already, which is not of this platform and would lose its configuration: "
                "take it off there, or use another machine."
            )


def _size(name: str, probe: Probe, needs: Mapping[str, Any], ours: bool) -> Iterator[str]:
    """Check what the machine has."""
    # A machine sold with 4 GiB shows a little less.
    if probe["memory_mib"] < needs["memory_gib"] * 1024 * 0.9:
        yield (
            f"{name} has {probe['memory_mib'] / 1024:.1f} GiB of memory and {needs['memory_gib']} GiB are needed: "
            "use a larger machine."
        )
    disk = needs["disk_running_gib" if ours else "disk_gib"]
    for folder, free in probe["free_mib"].items():
        if free < disk * 1024:
            yield (
                f"{folder} of {name} has {free / 1024:.1f} GiB of free disk and {disk} GiB are needed: "
                "free some, or mount a larger disk there."
            )


def _connections(name: str, probe: Probe, address: str, networks: Mapping[str, str], ours: bool) -> Iterator[str]:
    """Check ports, addresses, networks and peers of a machine."""
    own = [network["address"] for network in probe["networks"] if network["address"]]
    if probe["networks"] and not own:
        yield (
            f"{name} has its address {address} on no network (/32): nodes send pods' packets to each other without a "
            "router, so give them a network of their own."
        )
    if own and address not in own:
        yield (
            f"{address} is not an address of {name}, which has {', '.join(sorted(set(own)))}: "
            "set node_ip beside it in the inventory."
        )
    for setting, cidr in {} if ours else networks.items():
        for network in probe["networks"]:
            if ipaddress.IPv4Network(cidr).overlaps(ipaddress.IPv4Network(network["network"])):
                yield (
                    f"{setting} {cidr} overlaps {network['network']}, which {name} reaches by {network['device']}: "
                    f"choose another {setting}."
                )
    for port, program in {} if ours else probe["taken"].items():
        yield f"Port {port} of {name} is taken by {program}: stop it there, or use another machine."
    for peer, why in probe["unreached"].items():
        yield f"{name} does not reach {peer} ({why}): open that port between the nodes in every firewall on the way."


def _membership(name: str, probe: Probe, address: str, known: bool, ca: str) -> Iterator[str]:
    """Check of which cluster a machine is a node already, and by which name and address."""
    node = probe["node"]
    if not known:
        yield (
            f"{name} is a node already, and this checkout has no state/ of its cluster, without which that one's "
            "Secrets would be lost: run this where that folder is, or bring it here; if that cluster may go, "
            "install the machine anew."
        )
    elif probe["ca"] and ca and probe["ca"] != ca:
        yield (
            f"{name} is a node of another cluster, which would be lost: correct its address in the inventory, or, if "
            "that cluster may go, take it off there (make down in its own checkout) or install the machine anew."
        )
    # It would be reset and join as another one, and the volumes on its disk would be of a node that is gone.
    elif node and (node["name"], node["address"]) != (name, address):
        yield (
            f"{name} ({address}) is in the cluster as {node['name']} ({node['address']}): give it that name and "
            "address again, or, to have it join anew, take its line out, run this, and then name it again (if its "
            "address has changed, after kubeadm reset --force on it)."
        )


def _each_other(probes: Mapping[str, Probe], addresses: Mapping[str, str]) -> Iterator[str]:
    """Check the machines against each other."""
    for one, other in combinations(sorted(probes), 2):
        first, second = probes[one]["system"], probes[other]["system"]
        if first["machine_id"] and first["machine_id"] == second["machine_id"]:
            yield (
                f"{one} and {other} are the same machine, or clones with one /etc/machine-id: name a machine once, "
                "and give a clone its own (rm /etc/machine-id, systemd-machine-id-setup, reboot)."
            )
        elif first["hostname"] == second["hostname"]:
            yield (
                f"{one} and {other} both have the host name {first['hostname']}: give each its own "
                "(hostnamectl hostname NAME)."
            )
    homes = {name: _home(probe, addresses[name]) for name, probe in probes.items()}
    first_name = next((name for name, home in homes.items() if home), "")
    for name, home in homes.items():
        if home and home != homes[first_name]:
            yield (
                f"{name} ({addresses[name]}) is on network {home} and {first_name} on {homes[first_name]}: nodes send "
                "pods' packets to each other without a router, so put all of them on one network."
            )


def _home(probe: Probe, address: str) -> str:
    """Return the network that the address of a node is on."""
    return next((network["network"] for network in probe["networks"] if network["address"] == address), "")


def nodes_findings(
    results: Mapping[str, Probe],
    addresses: Mapping[str, str],
    needs: Mapping[str, Any],
    networks: Mapping[str, str],
    architecture: str,
    known: bool = True,
    ca: str = "",
) -> list[str]:
    """Say what keeps the machines from becoming nodes; see DOCUMENTATION."""
    findings = [sentence for name, result in results.items() if (sentence := _refused(name, result))]
    probes = {name: result for name, result in results.items() if not _refused(name, result)}
    for name, probe in probes.items():
        ours = any(mark not in probe["missing"] for mark in MARKS)
        findings += _common(name, probe, needs["cpus"])
        findings += _system(name, probe, architecture)
        findings += [] if ours else _strangers(name, probe)
        findings += _membership(name, probe, addresses[name], known, ca) if ours else []
        findings += _size(name, probe, needs, ours)
        findings += _connections(name, probe, addresses[name], networks, ours)
        if abs(probe["ahead"]) > needs["clock_seconds"]:
            findings.append(
                f"The clock of {name} is {abs(probe['ahead']):.0f} s "
                f"{'ahead of' if probe['ahead'] > 0 else 'behind'} this machine's, "
                "and certificates would not be valid: let both follow network time (apt install systemd-timesyncd)."
            )
    return [*findings, *_each_other(probes, addresses)]


def this_machine_findings(probe: Probe, cpus: int) -> list[str]:
    """Say what keeps this machine from holding nodes, besides its room, of which filter machine_findings speaks.

    Its clock is compared with none: all nodes are containers and share it, so they agree. Were it wrong, package
    registries' certificates would not be valid, which their check says.
    """
    return list(_common("This machine", probe, cpus))


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filters of this file."""
        return {"nodes_findings": nodes_findings, "this_machine_findings": this_machine_findings}
