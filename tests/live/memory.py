"""How much memory the node containers of place local use."""

from __future__ import annotations

import subprocess
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
GIB = 2**30


def node_containers() -> list[str]:
    """Return the names of the node containers on this machine."""
    listed = subprocess.run(
        ["podman", "ps", "--filter", "label=z2jh.place=local", "--format", "{{.Names}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.split()


def working_set(container: str) -> int:
    """Return the bytes of memory that a container needs: all but file cache that nobody used lately."""
    inspected = subprocess.run(
        ["podman", "inspect", "--format", "{{.State.Pid}}", container], capture_output=True, text=True, check=True
    )
    groups = [line.split(":", 2) for line in Path(f"/proc/{inspected.stdout.strip()}/cgroup").read_text().splitlines()]
    old = next((path for _, controllers, path in groups if "memory" in controllers.split(",")), None)
    if old:
        # The first process of a node may be in a group below that of its container.
        folder = CGROUPS / "memory" / old.strip("/").removesuffix("/init.scope")
        usage, cache = "memory.usage_in_bytes", "total_inactive_file"
    else:
        folder = CGROUPS / groups[0][2].strip("/").removesuffix("/init.scope")
        usage, cache = "memory.current", "inactive_file"
    statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    return int((folder / usage).read_text()) - int(statistics[cache])


def memory_of_nodes() -> tuple[float, str]:
    """Return the memory of all nodes together in GiB, and the sum written out."""
    sizes = [working_set(name) / GIB for name in node_containers()]
    return sum(sizes), " + ".join(f"{size:.2f}" for size in sizes)
