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

# Tests are imported by path, so what they share is not found by itself.
sys.path.insert(0, str(Path(__file__).parent))

from rendering import ROOT, Rendered, Values


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
