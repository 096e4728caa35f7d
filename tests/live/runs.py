"""Runs of the playbook, as `make up` does them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from live.platform import ROOT
from live.polling import until


@dataclass(frozen=True)
class Run:
    """A run that has ended."""

    code: int
    report: dict[str, Any]

    def tasks(self, what: str) -> list[str]:
        """Return the tasks that changed (or failed), each with its host and what it said."""
        return [
            f"{task['task']['name']} ({host}): {result.get('msg', '')}"
            for play in self.report["plays"]
            for task in play["tasks"]
            for host, result in task["hosts"].items()
            if result.get(what)
        ]

    def sums(self) -> dict[str, int]:
        """Return how often something changed, failed and did not answer."""
        names = ("changed", "failures", "unreachable")
        return {name: sum(host[name] for host in self.report["stats"].values()) for name in names}


def up(inventory: Path = ROOT / "hosts", *options: str, checkout: Path = ROOT) -> Run:
    """Run the playbook to its end."""
    done = subprocess.run(
        [checkout / "scripts" / "up.sh", *options],
        env={**os.environ, "INVENTORY": str(inventory), "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "{" in done.stdout, done.stdout + done.stderr
    return Run(done.returncode, json.loads(done.stdout[done.stdout.index("{") :]))


def up_again(*options: str) -> None:
    """Run the playbook once more and see that it changes nothing."""
    run = up(ROOT / "hosts", *options)
    assert run.code == 0, run.tasks("failed")
    assert not run.tasks("changed")
    assert run.sums() == {"changed": 0, "failures": 0, "unreachable": 0}


def repair(inventory: Path = ROOT / "hosts") -> Run:
    """Run the playbook and see that it ends well."""
    run = up(inventory)
    assert run.code == 0, run.tasks("failed")
    return run


def down() -> None:
    """Remove the platform, whatever there is of it."""
    done = subprocess.run([ROOT / "scripts" / "down.sh", "--yes"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def kill_run_at(task: str, *, script: tuple[str, ...] = ("up.sh",), once: Callable[[], bool] = lambda: True) -> bool:
    """Start a run and kill it, with all that it has started here; say whether it came to that.

    It is killed as a task begins, or once something is so after that.
    """
    process = subprocess.Popen(
        [ROOT / "scripts" / script[0], *script[1:], "-v"],
        env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        reached = any(line.startswith("TASK [") and task in line for line in _lines(process))
        if reached:
            until(f"{task} is on its way", once, 120, every=0.2)
        return reached
    finally:
        if process.poll() is None:
            for number in (process.pid, *descendants(process.pid)):
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
        process.wait()


def descendants(number: int) -> list[int]:
    """Return the processes that a process has started, and those that they have; Ansible's leave its session."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # What stands before the last parenthesis is the program's name.
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
    found = [number]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    """Yield what a run prints, line by line."""
    assert process.stdout
    yield from process.stdout
