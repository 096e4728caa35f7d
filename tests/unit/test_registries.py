"""A package registry that does not answer, or not in time, is one sentence with the remedy, before anything is made."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml
from loading import CHECKOUT

VARS = CHECKOUT / "roles/preflight/vars/main.yml"
REGISTRIES = {entry["name"]: entry for entry in yaml.safe_load(VARS.read_text())["__preflight_registries"]}


def _answer(registry: str, code: int, *said: str) -> dict[str, Any]:
    """Return what module command says of a client that said this."""
    return {"item": REGISTRIES[registry], "rc": code, "stderr_lines": list(said)}


def _sentences(folder: Path, *answers: dict[str, Any]) -> Any:
    """Return what role preflight says of these answers."""
    variables = {"__preflight_asked": {"results": answers}, "preflight_registry_timeout": 30}
    tasks = [{"ansible.builtin.include_vars": str(VARS)}, {"ansible.builtin.debug": {"var": "__preflight_silent"}}]
    play = {"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": tasks}
    (folder / "play.yml").write_text(json.dumps([play]))
    run = subprocess.run(
        ["ansible-playbook", "-i", "hosts.example", f"{folder}/play.yml"],
        cwd=CHECKOUT,
        env=os.environ | {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_HOME": f"{folder}/home"},
        capture_output=True,
        text=True,
        check=False,
    )
    result = json.loads(run.stdout[run.stdout.index("{") :])
    return result["plays"][0]["tasks"][1]["hosts"]["localhost"]["__preflight_silent"]


def test_each_registry_that_does_not_answer_is_a_sentence(tmp_path: Path) -> None:
    assert _sentences(
        tmp_path,
        _answer("The Python package index", 1, "WARNING: experimental", "ERROR: No matching distribution found for uv"),
        _answer("The Debian mirror", 1, "I: running", "E: Failed to fetch InRelease", "E: mmdebstrap failed to run"),
        _answer("The npm registry", 1, "npm error code X", "npm error request failed, reason: connect", "npm error }"),
        _answer("The Go module proxy", 124, "Terminated"),
    ) == [
        "The Python package index does not answer: pip config list says where pip looks "
        "(ERROR: No matching distribution found for uv).",
        "The Debian mirror does not answer: mmdebstrap asks it, by the http_proxy of the environment if there is one "
        "(E: Failed to fetch InRelease).",
        "The npm registry does not answer: npm config get registry says which it is "
        "(npm error request failed, reason: connect).",
        "The Go module proxy does not answer: go env GOPROXY says which it is (it took more than 30 s).",
    ]


def test_what_says_little_is_quoted_and_a_missing_client_is_no_finding(tmp_path: Path) -> None:
    assert _sentences(
        tmp_path,
        _answer("The Python package index", 0),
        _answer("The Debian mirror", 1),
        _answer("The npm registry", 127, "timeout: failed to run command 'npm': No such file or directory"),
        _answer("The Go module proxy", 1, "", "no route"),
    ) == [
        "The Debian mirror does not answer: mmdebstrap asks it, by the http_proxy of the environment if there is one "
        "(it said nothing).",
        "The Go module proxy does not answer: go env GOPROXY says which it is (no route).",
    ]
