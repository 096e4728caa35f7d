"""What the charts render is what the API of the deployed Kubernetes takes: no unknown field, no wrong type."""

from __future__ import annotations

import copy
from collections.abc import Callable

import kubernetes_validate
import pytest
import yaml
from rendering import ROOT, Rendered, Values, render_values

Template = Callable[..., Rendered]
VERSION = yaml.safe_load((ROOT / "group_vars/all/versions.yml").read_text(encoding="utf-8"))["kubernetes_version"]


def refusal(item: Values) -> str:
    """Say why the API would refuse an object; empty if it would not."""
    try:
        of_version = kubernetes_validate.validate(item, VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{item['kind']}/{item['metadata']['name']} {error.json_path}: {error.message}"
    # An older schema stands in where the package lacks the version.
    assert VERSION.startswith(f"{of_version}."), f"kubernetes-validate has no schemas of Kubernetes {VERSION}"
    return ""


@pytest.mark.parametrize(
    ("chart", "files"),
    [
        ("jupyterhub", ["jupyterhub.yml", "jupyterhub.local.yml"]),
        ("jupyterhub", ["jupyterhub.yml", "jupyterhub.hosts.yml"]),
        ("jupyterhub", ["jupyterhub.yml", "jupyterhub.existing.yml"]),
        ("dask-gateway", ["dask-gateway.yml", "dask-gateway.local.yml"]),
    ],
    ids=lambda value: value if isinstance(value, str) else value[-1],
)
def test_rendered_objects(template: Template, chart: str, files: list[str]) -> None:
    objects = template(chart, render_values(*files))
    assert [found for found in map(refusal, objects) if found] == []


def test_custom_resource_definitions() -> None:
    files = sorted(ROOT.glob("charts/*/crds/*.yaml"))
    objects = [item for file in files for item in yaml.safe_load_all(file.read_text(encoding="utf-8")) if item]
    assert objects
    assert [found for found in map(refusal, objects) if found] == []


def test_a_wrong_object_is_refused(template: Template) -> None:
    service = template("jupyterhub", render_values("jupyterhub.yml", "jupyterhub.local.yml")).one(
        "Service", "proxy-public"
    )
    for wrong in ({"typ": "NodePort"}, {"ports": [{"port": "https"}]}):
        changed = copy.deepcopy(service)
        changed["spec"].update(wrong)
        assert refusal(changed)
