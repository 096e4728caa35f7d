"""Role files runs services whatever somebody has done to them; systemctl is stood in for."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from loading import CHECKOUT

# A unit is what its folder has: masked, enabled, active. It knows what the module asks for, and logs what changes it.
SYSTEMCTL = """#!/bin/sh
cd "$(dirname "$0")/unit" || exit 1
case $1 in show | is-enabled) ;; *) echo "$1" >>../log ;; esac
case $1 in
show)
    echo "LoadState=$([ -e masked ] && echo masked || echo loaded)"
    echo "ActiveState=$([ -e active ] && echo active || echo inactive)"
    echo "UnitFileState=$([ -e enabled ] && echo enabled || echo disabled)"
    echo "ActiveEnterTimestamp=@$([ -e long-ago ] && echo 0 || echo 4102444800)"
    echo "NeedDaemonReload=$([ -e stale ] && echo yes || echo no)" ;;
is-enabled)
    for state in masked enabled disabled; do [ ! -e $state ] || break; done
    echo $state
    [ $state = enabled ] ;;
unmask) rm masked ;;
enable) [ ! -e masked ] && touch enabled ;;
start | restart) [ ! -e masked ] && touch active ;;
esac
"""


RUNS = ["enabled", "active"]
RESTARTED = ["daemon-reload", "restart"]


@pytest.mark.parametrize(
    ("unit", "content", "done"),
    [
        pytest.param(RUNS, "content", [], id="as-wanted"),
        pytest.param(["masked"], "content", ["unmask", "enable", "start"], id="masked"),
        pytest.param(["active"], "content", ["enable"], id="disabled"),
        pytest.param(["enabled"], "content", ["start"], id="stopped"),
        pytest.param([*RUNS, "long-ago"], "content", RESTARTED, id="began-before-its-file"),
        pytest.param([*RUNS, "stale"], "content", RESTARTED, id="unit-not-read"),
        pytest.param(RUNS, "edited", RESTARTED, id="edited"),
        pytest.param(["enabled"], "edited", ["daemon-reload", "start"], id="edited-and-stopped"),
        pytest.param(["enabled", "stale"], "edited", ["daemon-reload", "start"], id="edited-stopped-and-not-read"),
    ],
)
def test_a_service_runs_with_its_files(tmp_path: Path, unit: list[str], content: str, done: list[str]) -> None:
    (tmp_path / "unit").mkdir()
    for state in unit:
        (tmp_path / "unit" / state).touch()
    (tmp_path / "systemctl").write_text(SYSTEMCTL)
    (tmp_path / "systemctl").chmod(0o755)
    (tmp_path / "file").write_text(content)
    (tmp_path / "file").chmod(0o644)
    file = {"path": str(tmp_path / "file"), "content": "content", "mode": "0644", "owner": (tmp_path / "file").owner()}
    role = {"role": "files", "vars": {"files_wanted": [file], "files_services": ["sample"]}}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "roles": [role]}]))
    run = subprocess.run(
        ["ansible-playbook", "-i", "hosts.example", str(tmp_path / "play.yml")],
        cwd=CHECKOUT,
        env=os.environ | {"ANSIBLE_HOME": str(tmp_path / "home"), "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    log = tmp_path / "log"
    assert (log.read_text().split() if log.exists() else []) == done
    assert {path.name for path in (tmp_path / "unit").iterdir()} == {*unit, *RUNS} - {"masked"}
    assert (tmp_path / "file").read_text() == "content"
