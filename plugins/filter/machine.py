"""One sentence for everything that a machine lacks."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

# A name below the hub's, for all of them.
ANYONE = "anyone."

DOCUMENTATION = """
name: machine_findings
short_description: What a machine lacks, one sentence each
version_added: "1.0"
author: z2jh
description:
  - Compares what the module machine_probe found with what is needed. Empty when all is well.
options:
  _input:
    description: What machine_probe returned.
    type: dict
    required: true
  memory_gib:
    description: Memory that is needed.
    type: int
    required: true
  disk_gib:
    description: Free disk that is needed in each folder.
    type: int
    required: true
  networks:
    description: Networks that the platform will make here, by the names of their settings.
    type: dict
    default: {}
"""


def disk_needed(missing: Iterable[str], programs: Collection[str], without: int, building: int) -> int:
    """Return the free disk in GiB that a run needs: what it needs without building, and the share of what is missing.

    `missing` may name other files too; `building` is what it takes to build all programs.
    """
    return without + math.ceil(building * len(set(missing) & set(programs)) / len(programs))


def machine_findings(
    probe: Mapping[str, Any], memory_gib: int, disk_gib: int, networks: Mapping[str, str] | None = None
) -> list[str]:
    """Say what the machine lacks; see DOCUMENTATION."""
    findings = []
    if probe["uid"] != 0:
        findings.append("Only root can make nodes and images on this machine: run it as root (sudo make up).")
    # A machine sold with 6 GiB shows a little less.
    if probe["memory_mib"] < memory_gib * 1024 * 0.95:
        findings.append(
            f"This machine has {probe['memory_mib'] / 1024:.1f} GiB of memory and {memory_gib} GiB are needed: "
            "use a larger one."
        )
    for folder, free in probe["free_mib"].items():
        if free < disk_gib * 1024:
            findings.append(
                f"{folder} has {free / 1024:.1f} GiB of free disk and {disk_gib} GiB are needed: "
                "free some, or mount a larger disk there."
            )
    for port, program in probe["taken"].items():
        findings.append(
            f"Port {port} of this machine is taken by {program}: "
            "stop it, or set another hub_port, hub_http_port or github_standin_port."
        )
    for setting, cidr in (networks or {}).items():
        for network in probe["networks"]:
            # The very same network is ours, of a run that was cut off.
            if cidr != network["network"] and _overlap(cidr, network["network"]):
                findings.append(
                    f"{setting} {cidr} overlaps {network['network']}, which this machine reaches by "
                    f"{network['device']}: choose another {setting}."
                )
    for name in probe["unknown"]:
        below = name.removeprefix(ANYONE)
        if below == name:
            findings.append(
                f"The name {name} (hub_hostname) is not known here: make a DNS record that leads to a node, "
                "or to the load balancer before the nodes."
            )
        else:
            findings.append(
                f"Names below {below}, where people's servers would be, are not known here: make a DNS record of "
                f"*.{below} like that of hub_hostname, or set hub_user_domains to false (docs/security.md says what "
                "that gives up)."
            )
    return findings


def _overlap(one: str, other: str) -> bool:
    return ipaddress.IPv4Network(one).overlaps(ipaddress.IPv4Network(other))


def with_networks(networks: Iterable[str], others: Iterable[str]) -> list[str]:
    """Return networks, and after them those of the others, or addresses, that lie in none of them; IPv4."""
    known = [ipaddress.IPv4Network(network) for network in networks]
    further = sorted({ipaddress.IPv4Network(other) for other in others})
    return [str(network) for network in known] + [
        str(network) for network in further if not any(network.subnet_of(one) for one in known)
    ]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filters of this file."""
        return {
            "disk_needed": disk_needed,
            "machine_findings": machine_findings,
            "with_networks": with_networks,
        }
