"""What charts and roles apply passes checkov, but for what waivers.yml leaves as it is, with its reason."""

from __future__ import annotations

import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from rendering import ROOT, VARIABLES, Rendered, Values, render_values
from scanning import findings, waived

Template = Callable[..., Rendered]


def applied(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield what tasks, those in blocks too, give the module that applies objects; what they remove is left out."""
    for task in tasks:
        for part in ("block", "rescue", "always"):
            yield from applied(task.get(part, []))
        arguments = task.get("kubernetes.core.k8s", {"state": "absent"})
        if arguments.get("state") != "absent":
            yield arguments


def writing(arguments: dict[str, Any], path: str) -> Iterator[dict[str, Any]]:
    """Yield tasks that write what a task applies into files whose paths begin so."""
    names = arguments.get("template", [])
    for name in [names] if isinstance(names, str) else names:
        yield {"ansible.builtin.template": {"src": name, "dest": f"{path}-{Path(name).stem}", "mode": "0600"}}
    if not names:
        stream = "{{ [definition] | flatten | map('to_json') | join('\n---\n') }}"
        yield {
            "ansible.builtin.copy": {"content": stream, "dest": f"{path}-definition.yaml", "mode": "0600"},
            "vars": {"definition": arguments["definition"]},
        }


def render_roles(folder: Path, work: Path) -> None:
    """Write what roles apply into a folder, as Ansible renders it in place local."""
    (work / "ca").mkdir()
    for name in ("ca", "github-standin", "hub", "mast", "metrics-server"):
        for suffix in ("crt", "key"):
            (work / "ca" / f"{name}.{suffix}").write_text("PEM")
    roles: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for file in sorted((ROOT / "roles").glob("*/tasks/*.yml")):
        for arguments in applied(yaml.safe_load(file.read_text(encoding="utf-8"))):
            roles[file.parts[-3]] += writing(arguments, str(folder / file.parts[-3]))
    # Roles of the same names, which have all of theirs but the tasks.
    for name, tasks in roles.items():
        (work / "roles" / name / "tasks").mkdir(parents=True)
        (work / "roles" / name / "tasks/main.yml").write_text(json.dumps(tasks))
        for part in ("defaults", "files", "templates", "vars"):
            (work / "roles" / name / part).symlink_to(ROOT / "roles" / name / part)
    play = {"hosts": "localhost", "gather_facts": False, "roles": list(roles)}
    (work / "play.yml").write_text(json.dumps([play]))
    variables = {"images_built": VARIABLES["images_built"], "state_dir": str(work), "tls_public_roots": "PEM"}
    run = subprocess.run(
        ["ansible-playbook", "-i", "hosts.example", "-e", json.dumps(variables), str(work / "play.yml")],
        cwd=ROOT,
        env=os.environ | {"ANSIBLE_HOME": str(work / "home"), "ANSIBLE_ROLES_PATH": str(work / "roles")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout


def inside(folder: Path) -> Iterator[Values]:
    """Yield the objects that stand inside ConfigMaps, for a program that makes them."""
    for file in sorted(folder.iterdir()):
        for item in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            for name, text in (item.get("data") or {}).items() if item["kind"] == "ConfigMap" else ():
                inner = yaml.safe_load(text) if name.endswith(".yaml") else None
                if isinstance(inner, dict) and {"apiVersion", "kind", "metadata"} <= inner.keys():
                    inner["metadata"].setdefault("namespace", item["metadata"]["namespace"])
                    yield inner


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

    (rendered / "inside.yaml").write_text(yaml.safe_dump_all(list(inside(rendered))), encoding="utf-8")

    found = findings(checkov, rendered)
    assert found == waived("platform", found)


def test_what_is_applied_in_blocks_counts_too() -> None:
    one, other, gone = {"template": "a.j2"}, {"definition": "{{ b }}"}, {"kind": "Pod", "state": "absent"}
    block, rescue, always = ([{"kubernetes.core.k8s": arguments}] for arguments in (one, gone, other))
    assert list(applied([{"block": [{"block": block, "rescue": rescue}], "always": always}])) == [one, other]


def test_checkov_finds_nothing_in_cilium_but_what_is_waived(checkov: str, cilium: str, tmp_path: Path) -> None:
    rendered = tmp_path / "rendered"
    rendered.mkdir()
    (rendered / "cilium.yaml").write_text(cilium)
    found = findings(checkov, rendered)
    assert found == waived("cilium", found)
