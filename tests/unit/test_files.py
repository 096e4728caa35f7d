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
    echo "ActiveEnterTimestamp=Fri 2100-01-01 00:00:00 UTC"
    echo "NeedDaemonReload=no" ;;
is-enabled)
    for state in masked enabled disabled; do [ ! -e $state ] || break; done
    echo $state
    [ $state = enabled ] ;;
unmask) rm masked ;;
enable) [ ! -e masked ] && touch enabled ;;
start) [ ! -e masked ] && touch active ;;
esac
"""


@pytest.mark.parametrize(
    ("unit", "done"),
    [
        (["enabled", "active"], []),
        (["masked"], ["unmask", "enable", "start"]),
    ],
    ids=["as-wanted", "masked"],
)
def test_a_service_runs(tmp_path: Path, unit: list[str], done: list[str]) -> None:
    (tmp_path / "unit").mkdir()
    for state in unit:
        (tmp_path / "unit" / state).touch()
    (tmp_path / "systemctl").write_text(SYSTEMCTL)
    (tmp_path / "systemctl").chmod(0o755)
    (tmp_path / "file").write_text("content")
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
    assert {path.name for path in (tmp_path / "unit").iterdir()} == {"enabled", "active"}
