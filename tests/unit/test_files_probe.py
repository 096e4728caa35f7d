"""Module files_probe tells in one look what copying and starting would look at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from loading import CHECKOUT, load

MODULE = CHECKOUT / "plugins/modules/files_probe.py"
probe = load("plugins/modules/files_probe.py")
# What systemctl of Debian 12 shows of a unit that runs, one that is not there, and one that is masked.
SHOWN = """#!/bin/sh
echo "$*" >"${0%/*}/asked"
cat <<END
LoadState=loaded
ActiveState=active
UnitFileState=enabled
NeedDaemonReload=no
ActiveEnterTimestamp=@1795760000

LoadState=not-found
ActiveState=inactive
UnitFileState=
NeedDaemonReload=no
ActiveEnterTimestamp=

LoadState=masked
ActiveState=active
UnitFileState=masked
NeedDaemonReload=yes
ActiveEnterTimestamp=@1795760001
END
"""


def run(folder: Path, **options: Any) -> dict[str, Any]:
    """Run the module as Ansible does."""
    (folder / "systemctl").write_text(SHOWN)
    (folder / "systemctl").chmod(0o755)
    done = subprocess.run(
        [sys.executable, MODULE],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": options}),
        env=os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    assert not answer["changed"]
    return answer


def test_files(tmp_path: Path) -> None:
    one, other, link = tmp_path / "one", tmp_path / "other", tmp_path / "link"
    one.write_text("one")
    one.chmod(0o640)
    other.touch()
    link.symlink_to(one)
    os.utime(one, (1, 1000))
    os.utime(other, (1, 2000))
    answer = run(tmp_path, files=[str(one), str(link), str(tmp_path / "none"), str(tmp_path)], read_too=[str(other)])
    about = {"checksum": sha256(b"one").hexdigest(), "mode": "0640", "owner": one.owner()}
    assert answer["files"] == {str(one): about}
    assert answer["newest"] == 2000
    assert (answer["services"], (tmp_path / "asked").exists()) == ({}, False)


def test_services(tmp_path: Path) -> None:
    answer = run(tmp_path, services=["runs", "none", "masked"])
    assert answer["services"] == {
        "runs": {"as_wanted": True, "active": True, "stale": False, "since": 1795760000},
        "none": {"as_wanted": False, "active": False, "stale": False, "since": 0},
        "masked": {"as_wanted": False, "active": True, "stale": True, "since": 1795760001},
    }
    assert (tmp_path / "asked").read_text().split()[-4:] == ["--", "runs", "none", "masked"]
    assert answer["newest"] == 0


def test_an_owner_without_a_name_is_a_number() -> None:
    assert probe.owner_of(0) == "root"
    assert probe.owner_of(4_000_000_000) == "4000000000"
