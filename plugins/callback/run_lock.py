"""One run at a time: a second one is refused before it does or asks anything."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import sys
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: run_lock
type: aggregate
short_description: One run at a time
version_added: "1.0"
author: z2jh
description:
  - Refuses a run while another one is at work on this checkout, whose C(state/) both would write, or, in place local,
    on this machine, whose node containers there are but once, or in place hosts on the same first control plane.
  - The lock belongs to the process of ansible-playbook and vanishes with it, however that ends.
"""

CHECKOUT = Path(__file__).resolve().parents[2]
# It adds to the cache and touches no platform: make check runs it at any time.
UNLOCKED = CHECKOUT / "playbooks" / "charts.yml"
# Locked besides its use: a file of the checkout that outlives state/. What all checkouts share has files in a folder of
# root's alone, where nobody else can hold a lock.
OF_CHECKOUT = Path(__file__).resolve()
SHARED = Path("/run")
# struct flock of Linux: type, whence, start, length, process.
FLOCK = "hhqqi"


def lock(path: Path) -> int | None:
    """Lock a file for the life of this process; return the process that has it already, 0 if that is not known.

    A record lock (POSIX): processes that this one starts do not get it, so none of them can hold it longer.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError:
        # Who may not write here can change nothing here either; preflight says what is missing.
        return None
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        wanted = struct.pack(FLOCK, fcntl.F_WRLCK, 0, 0, 0, 0)
        return int(struct.unpack(FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, wanted))[-1])
    # The descriptor stays open: closing it would give the lock back.
    return None


def is_locked(playbook: Path) -> bool:
    """Say whether a playbook is one of those of which only one may run."""
    return playbook != UNLOCKED and playbook.parent in (CHECKOUT, CHECKOUT / "playbooks")


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Ansible's entry point."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "run_lock"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Lock what the run works on, or end it."""
        if not is_locked(Path(playbook._file_name).resolve()):
            return
        for path, where in {OF_CHECKOUT: f"on this checkout, {CHECKOUT}", **self._shared(playbook)}.items():
            if (process := lock(path)) is not None:
                who = f"Another run is at work {where} (process {process or 'unknown'})"
                self._display.display(f"{who}: wait until it has ended, then run again.", color="red", stderr=True)
                # An exception would only be a warning.
                sys.exit(1)
        # No other run is at work, so a run that was killed while it read a secret left these.
        for stale in (CHECKOUT / "state" / "secrets").glob("*.ansible_lockfile"):
            stale.unlink(missing_ok=True)

    @staticmethod
    def _shared(playbook: Any) -> dict[Path, str]:
        """Return what this run shares with those of other checkouts: the file to lock, and how it is called."""
        play = playbook.get_plays()[0]
        variables = play.get_variable_manager()
        inventory = variables._inventory
        place = variables.get_vars(play=play, host=inventory.get_host("localhost")).get("place")
        if place == "local":
            return {SHARED / "z2jh-local": "on this machine"}
        control_planes = inventory.get_groups_dict().get("control_plane", [])
        if place != "hosts" or not control_planes:
            return {}
        host = inventory.get_host(control_planes[0])
        address = str(variables.get_vars(play=play, host=host).get("ansible_host", host.name))
        # An address of IPv6 or a name that is none must not lead elsewhere.
        return {SHARED / f"z2jh-{re.sub('[^A-Za-z0-9.-]', '_', address)}": f"on {host.name} ({address})"}
