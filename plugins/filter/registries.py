"""Why a client of a package registry failed: of a wrong sum, all that one has to know to act on it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

DOCUMENTATION = """
name: registry_failure
short_description: One sentence on why Go, uv or npm failed
version_added: "1.0"
author: z2jh
description:
  - Of a checksum mismatch it names the package, the sum it has, the one it must have, and where both come from; the
    last line of what these clients say tells none of it.
  - Of any other failure it is the last line that was said, as of every failed command.
options:
  _input:
    description: What module command returned.
    type: dict
    required: true
  sources:
    description: Of each client (go, uv, npm) the C(registry) that it asks, and the C(lock) that the sums stand in.
    type: dict
    required: true
"""

# What each client says of a wrong sum. A package may have several right ones.
MISMATCHES = {
    "go": r"(?P<name>\S+@\S+?): (?:verifying \S+: )?checksum mismatch\s+downloaded: +(?P<found>\S+)\s+"
    r"(?P<lock>\S+): +(?P<wanted>\S+)",
    "uv": r"Hash mismatch for `(?P<name>\S+)`\s+Expected:\s+(?P<wanted>\S+(?:\s+\S+:\S+)*)\s+"
    r"Computed:\s+(?P<found>\S+)",
    "npm": r"[Ii]ntegrity checksum failed .*wanted (?P<wanted>.+) but got (?P<found>[^ .]+)",
}

# An address may hold the password of an account.
PASSWORD = re.compile("(?<=://)[^/@]*@")


def package_of(integrity: str, lock: str) -> str:
    """Return which package of npm's lock has this sum; npm itself does not always say it."""
    for path, package in json.loads(Path(lock).read_text())["packages"].items():
        if package.get("integrity") == integrity:
            return f"{path.rpartition('node_modules/')[2]}@{package['version']}"
    return "A package"


def registry_failure(result: Mapping[str, Any], sources: Mapping[str, Mapping[str, str]]) -> str:
    """Say why a client failed; see DOCUMENTATION."""
    said = str(result.get("stderr") or "").strip()
    for client, source in sources.items():
        if found := re.search(MISMATCHES[client], said):
            parts = found.groupdict()
            name = parts.get("name") or package_of(parts["wanted"], source["lock"])
            # Go has its own toolchain checked by a server of sums.
            lock = source["lock"] if parts.get("lock", "go.sum") == "go.sum" else parts["lock"]
            return (
                f"{name} of {PASSWORD.sub('', source['registry'])} has {parts['found']} and must have "
                f"{' or '.join(parts['wanted'].split())} ({lock}): it was changed on the way, or the registry holds "
                "another file; nothing of it was used. Run again; if it stays so, ask those who run that registry."
            )
    if said:
        return said.splitlines()[-1]
    return str(result.get("msg") or "It failed and did not say why: run again with -v.")


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filters of this file."""
        return {"registry_failure": registry_failure}
