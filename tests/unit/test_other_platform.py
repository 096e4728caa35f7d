"""The keys of a platform are used for that one, by a run and by the teardown; a machine has one part in a cluster."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from loading import CHECKOUT

# Nothing listens at that port: a run that is not refused ends there, and has changed nothing.
MACHINE = "ansible_host=127.0.0.1 ansible_port=1"
GROUPS = "[cluster:children]\ncontrol_plane\nworkers\n\n[hosts:children]\ncluster\n\n[all:vars]\nplace=hosts\n"


def run_play(folder: Path, play: str, workers: str = "worker1") -> tuple[int, str]:
    """Run a playbook of the checkout on machines that do not answer; return how it ended, and what was said."""
    names = dict.fromkeys(["cp1", *workers.split()])
    hosts = "".join(f"{name} {MACHINE}\n" for name in names)
    groups = "[control_plane]\ncp1\n\n[workers]\n" + "".join(f"{name}\n" for name in workers.split())
    (folder / "hosts").write_text(f"{hosts}\n{groups}\n{GROUPS}")
    run = subprocess.run(
        [
            "ansible-playbook",
            "-i",
            f"{folder}/hosts",
            "-e",
            f"state_dir={folder}/state",
            "-e",
            "teardown_confirmation=yes",
            play,
        ],
        cwd=CHECKOUT,
        env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": f"{folder}/home"},
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


def play_of(folder: Path, tasks: str) -> str:
    """Write a play of some of preflight's tasks."""
    role = {"ansible.builtin.include_role": {"name": "preflight", "tasks_from": tasks}}
    (folder / "play.yml").write_text(json.dumps([{"hosts": "localhost", "tasks": [role]}]))
    return str(folder / "play.yml")


@pytest.mark.parametrize("teardown", [True, False])
def test_the_keys_of_another_platform_are_kept(tmp_path: Path, teardown: bool) -> None:
    (tmp_path / "state").mkdir()
    noted = tmp_path / "state/status.yml"
    noted.write_text("place: hosts\nnodes: {other1: 192.0.2.21}\n")
    play = "playbooks/teardown.yml" if teardown else play_of(tmp_path, "other_platform")
    code, said = run_play(tmp_path, play)
    assert code == 2
    assert "state/ is of the cluster of other1, and the inventory names none of them" in said
    assert noted.exists()
    # Control: its own inventory is not refused, but its machines do not answer.
    noted.write_text("place: hosts\nnodes: {cp1: 127.0.0.1}\n")
    code, said = run_play(tmp_path, play)
    assert "the inventory names none of them" not in said
    # Ansible's number for machines that do not answer.
    assert code == (4 if teardown else 0), said
    assert ("The cluster was not taken off" in said) is teardown
    assert noted.exists()


def test_a_machine_is_no_control_plane_and_worker_at_once(tmp_path: Path) -> None:
    code, said = run_play(tmp_path, play_of(tmp_path, "groups"), workers="cp1 worker1")
    assert code == 2
    assert "The inventory names cp1 in [control_plane] and in [workers]: a machine is one or the other" in said
    code, said = run_play(tmp_path, play_of(tmp_path, "groups"))
    assert code == 0, said
