"""Fixtures that run helm on the charts of this project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from jinja2 import StrictUndefined
from jinja2.nativetypes import NativeEnvironment
from scanning import CACHE

# Tests are imported by path, so what they share is not found by itself.
sys.path.insert(0, str(Path(__file__).parent))

from rendering import ROOT, VARIABLES, Rendered, Values

CILIUM_IMAGES = {"agent": "cilium", "operator": "cilium-operator"}


@pytest.fixture(scope="session")
def helm() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run helm: $HELM, or the one on the path, or the cached one."""
    cached = sorted(Path("/var/cache/z2jh").glob("**/bin/helm"))
    program = os.environ.get("HELM") or shutil.which("helm") or next(iter(map(str, cached)), None)
    if not program:
        pytest.skip("no helm: set HELM, or run `make up` once")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def template(
    helm: Callable[..., subprocess.CompletedProcess[str]], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Rendered]:
    """Render a chart of charts/ with values."""

    def render(chart: str, values: Values, namespace: str = "jupyterhub") -> Rendered:
        path = tmp_path_factory.mktemp("values") / "values.yaml"
        path.write_text(yaml.safe_dump(values), encoding="utf-8")
        result = helm("template", chart, str(ROOT / "charts" / chart), "--namespace", namespace, "--values", str(path))
        assert result.returncode == 0, result.stderr
        return Rendered(item for item in yaml.safe_load_all(result.stdout) if item)

    return render


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
