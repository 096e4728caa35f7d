"""What role files is asked to write may be a secret: no failure prints it, however much is shown."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from loading import CHECKOUT

SECRET = "c0ffee-of-a-key"
# What files_wanted may be when a caller is wrong; each would hand a secret to the role.
WRONG: dict[str, Any] = {
    "no mode": [{"path": "/nowhere/key", "content": SECRET}],
    "misspelt": [{"path": "/nowhere/key", "mode": "0600", "contents": SECRET}],
    "no file": [SECRET],
    "content that is no text": [{"path": "/nowhere/key", "mode": "a word", "content": {"key": SECRET}}],
    "impossible mode": [{"path": "/dev/null/key", "mode": "a word", "content": SECRET}],
}


def test_no_failure_prints_what_is_in_a_file(tmp_path: Path) -> None:
    role = {"ansible.builtin.include_role": {"name": "files"}}
    tasks = [
        {
            "name": name,
            "block": [role | {"vars": {"files_wanted": "{{ wrong[case] }}", "case": name, "files_secret": True}}],
            "rescue": [{"ansible.builtin.debug": {"msg": f"{name} has failed"}}],
        }
        for name in WRONG
    ]
    (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    (tmp_path / "wrong.json").write_text(json.dumps({"wrong": WRONG}))
    run = subprocess.run(
        ["ansible-playbook", "-i", "hosts.example", "-vvv", "-e", f"@{tmp_path}/wrong.json", f"{tmp_path}/play.yml"],
        cwd=CHECKOUT,
        env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    said = run.stdout + run.stderr
    assert [name for name in WRONG if f"{name} has failed" not in said] == []
    assert SECRET not in said
