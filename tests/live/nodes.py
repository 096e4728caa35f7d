"""The machines of the platform: commands on them, in place local by podman."""

from __future__ import annotations

import subprocess


def run_on(node: str, *command: str) -> str:
    """Run a command on a node and return what it printed; fail with what it complained of."""
    done = subprocess.run(["podman", "exec", node, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)} on {node} ended with {done.returncode}\n{done.stderr}"
    return done.stdout


def succeeds_on(node: str, *command: str) -> bool:
    """Say whether a command on a node ends well."""
    return subprocess.run(["podman", "exec", node, *command], capture_output=True, check=False).returncode == 0


def podman(*command: str) -> str:
    """Run podman on this machine and return what it printed."""
    return subprocess.run(["podman", *command], capture_output=True, text=True, check=True).stdout
