"""What charts and roles apply passes checkov, but for what waivers.yml leaves as it is, with its reason."""

from __future__ import annotations

import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from rendering import ROOT, VARIABLES, Rendered, render_values

Template = Callable[..., Rendered]
WAIVERS = yaml.safe_load((Path(__file__).parent / "waivers.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def checkov() -> str:
    """Return the program: $CHECKOV, or the one that make check has installed."""
    installed = sorted(Path("/var/cache/z2jh").glob("venv-checkov-*/bin/checkov"))
    program = os.environ.get("CHECKOV") or next(iter(map(str, installed)), None)
    if not program:
        pytest.skip("no checkov: set CHECKOV, or run make check")
    return program


def templates() -> list[Path]:
    """Return the templates that roles apply."""
    applied = []
    for file in sorted((ROOT / "roles").glob("*/tasks/*.yml")):
        for task in yaml.safe_load(file.read_text(encoding="utf-8")):
            names = task.get("kubernetes.core.k8s", {}).get("template", [])
            applied += [file.parents[1] / "templates" / name for name in ([names] if isinstance(names, str) else names)]
    return applied


def render_roles(folder: Path, work: Path) -> None:
    """Write what roles apply into a folder, as Ansible renders it in place local."""
    (work / "ca").mkdir()
    for name in ("ca", "github-standin", "hub", "mast", "metrics-server"):
        for suffix in ("crt", "key"):
            (work / "ca" / f"{name}.{suffix}").write_text("PEM")
    roles = {path.parents[1] for path in templates()}
    known = [str(file) for role in sorted(roles) for file in sorted(role.glob("[dv]*/main.yml"))]
    pairs = [{"src": str(path), "dest": str(folder / f"{path.parts[-3]}-{path.stem}")} for path in templates()]
    tasks = [
        {"ansible.builtin.include_vars": "{{ item }}", "loop": known},
        {
            "ansible.builtin.template": {"src": "{{ item.src }}", "dest": "{{ item.dest }}", "mode": "0600"},
            "loop": pairs,
        },
    ]
    (work / "play.yml").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    variables = {"images_built": VARIABLES["images_built"], "state_dir": str(work)}
    run = subprocess.run(
        ["ansible-playbook", "-i", "hosts.example", "-e", json.dumps(variables), str(work / "play.yml")],
        cwd=ROOT,
        env=os.environ | {"ANSIBLE_HOME": str(work / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout


def findings(program: str, folder: Path) -> dict[str, set[str]]:
    """Return the objects that fail, as Kind/name, by check."""
    run = subprocess.run(
        [program, "--directory", str(folder), "--framework", "kubernetes", "--output", "json", "--skip-download"],
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[str, set[str]] = defaultdict(set)
    report: dict[str, Any] = json.loads(run.stdout)
    assert report["summary"]["passed"] > 0
    assert report["summary"]["parsing_errors"] == 0
    for failed in report["results"]["failed_checks"]:
        kind, _, name = failed["resource"].split(".", 2)
        found[failed["check_id"]].add(f"{kind}/{name}")
    return dict(found)


def test_checkov_finds_nothing_but_what_is_waived(checkov: str, template: Template, tmp_path: Path) -> None:
    rendered = tmp_path / "rendered"
    rendered.mkdir()
    render_roles(rendered, tmp_path)
    for chart in ("jupyterhub", "dask-gateway"):
        objects = template(chart, render_values(f"{chart}.yml", f"{chart}.local.yml"))
        for item in objects:
            # helm gives it at the installation.
            item["metadata"].setdefault("namespace", "jupyterhub")
        (rendered / f"{chart}.yaml").write_text(yaml.safe_dump_all(objects), encoding="utf-8")

    found = findings(checkov, rendered)
    waived = {
        check: found.get(check, {"none"}) if it["objects"] == "all" else set(it["objects"])
        for check, it in WAIVERS.items()
    }
    assert found == waived
    assert all(waiver["reason"] for waiver in WAIVERS.values())
