"""What charts and roles apply passes checkov, but for what waivers.yml leaves as it is, with its reason."""

from __future__ import annotations

import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import StrictUndefined
from jinja2.nativetypes import NativeEnvironment
from rendering import ROOT, VARIABLES, Rendered, Values, render_values
from scanning import CACHE, findings, waived

Template = Callable[..., Rendered]
CILIUM_IMAGES = {"agent": "cilium", "operator": "cilium-operator"}


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


@pytest.fixture
def cilium_chart() -> str:
    """Return the chart that role network installs, from either source of the platform."""
    version = yaml.safe_load((ROOT / "group_vars/all/versions.yml").read_text(encoding="utf-8"))["cilium_version"]
    module = CACHE / f"go/mod/github.com/cilium/cilium@v{version}/install/kubernetes/cilium"
    found = [str(chart) for chart in (module, CACHE / "charts/cilium.tgz") if chart.exists()]
    assert found, "There is no chart of Cilium here: make check, or playbooks/charts.yml alone, fetches it."
    return found[0]


@pytest.fixture
def cilium(helm: Callable[..., subprocess.CompletedProcess[str]], cilium_chart: str, tmp_path: Path) -> str:
    """Return what role network installs."""
    known = {f"network_{name}_image": VARIABLES["images_built"][image]["ref"] for name, image in CILIUM_IMAGES.items()}
    known |= {"network_endpoint": "127.0.0.1:6444", "network_pod_cidr": "10.244.0.0/16", "network_map_ratio": "0.0025"}
    text = (ROOT / "roles/network/templates/values.yaml.j2").read_text(encoding="utf-8")
    (tmp_path / "values.yaml").write_text(NativeEnvironment(undefined=StrictUndefined).from_string(text).render(known))
    run = helm("template", "cilium", cilium_chart, "--namespace=kube-system", f"--values={tmp_path}/values.yaml")
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_checkov_finds_nothing_in_cilium_but_what_is_waived(checkov: str, cilium: str, tmp_path: Path) -> None:
    rendered = tmp_path / "rendered"
    rendered.mkdir()
    (rendered / "cilium.yaml").write_text(cilium)
    found = findings(checkov, rendered)
    assert found == waived("cilium", found)


def test_pods_ask_their_own_node_for_names(cilium: str) -> None:
    """The agents know of it, and start anew when a setting changes."""
    objects = list(yaml.safe_load_all(cilium))
    (config,) = (item for item in objects if item and item["metadata"]["name"] == "cilium-config")
    assert config["data"]["enable-service-topology"] == "true"
    (agents,) = (item for item in objects if item and item["kind"] == "DaemonSet")
    assert "cilium.io/cilium-configmap-checksum" in agents["spec"]["template"]["metadata"]["annotations"]
