"""Kernel parameters are noted before role node sets them, once, and role node_reset gives them back."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml
from loading import CHECKOUT

NODE = CHECKOUT / "roles/node"
TASKS = yaml.safe_load((NODE / "tasks/main.yml").read_text())
NOTING, SETTING = "ansible.builtin.copy", "ansible.posix.sysctl"
FORMER = "net.ipv4.ip_forward = 0\nfs.inotify.max_user_instances = 128\n"


def play(folder: Path, tasks: list[dict[str, Any]], **variables: Any) -> int:
    """Run tasks here, where sysctl is a program that logs how it is called; return how many things changed."""
    program = folder / "bin/sysctl"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\necho "$*" >> {folder}/calls\n')
    program.chmod(0o755)
    (folder / "play.yml").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    run = subprocess.run(
        ["ansible-playbook", "-i", "hosts.example", "-e", json.dumps(variables), str(folder / "play.yml")],
        cwd=CHECKOUT,
        env=os.environ
        | {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_HOME": f"{folder}/home"}
        | {"PATH": f"{folder}/bin:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return int(json.loads(run.stdout[run.stdout.index("{") :])["stats"]["localhost"]["changed"])


def test_they_are_noted_once_as_they_were_before(tmp_path: Path) -> None:
    noting = next(task for task in TASKS if NOTING in task)
    assert TASKS.index(noting) < next(number for number, task in enumerate(TASKS) if SETTING in task)
    note = tmp_path / "note"
    tasks = [{"ansible.builtin.include_vars": str(NODE / "vars/main.yml")}, noting]
    for forward, instances, changed in ((0, 128, 1), (1, 1024, 0)):
        facts = {"host_probe_ip_forward": forward, "host_probe_inotify_instances": instances}
        assert play(tmp_path, tasks, node_sysctls_note=str(note), **facts) == changed
        assert note.read_text() == FORMER


def test_they_are_given_back_once(tmp_path: Path) -> None:
    note = tmp_path / "note"
    note.write_text(FORMER)
    tasks = [{"ansible.builtin.include_role": {"name": "node_reset", "tasks_from": "kernel"}}]
    for changed in (2, 0):
        assert play(tmp_path, tasks, node_reset_sysctls_note=str(note)) == changed
        assert (tmp_path / "calls").read_text() == f"--load={note}\n"
        assert not note.exists()
