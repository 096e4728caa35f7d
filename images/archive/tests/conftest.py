"""A small archive made once, and where versitygw is."""

import os
import shutil
import sys
from pathlib import Path

import pytest

# So that the tests run from any folder, with nothing installed and whatever way pytest imports them.
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from z2jh_archive import seed

PLACES = ("versitygw", "/var/cache/z2jh/bin/versitygw")


def find_versitygw() -> str | None:
    """The S3 server: what VERSITYGW names, else the first there is."""
    named = os.environ.get("VERSITYGW")
    return named or next((path for path in map(shutil.which, PLACES) if path), None)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "binary: needs the program versitygw, which make up builds")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of the S3 server before it is built; with VERSITYGW set they always run."""
    if not find_versitygw():
        left_out = [item for item in items if item.get_closest_marker("binary")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def versitygw() -> str:
    found = shutil.which(find_versitygw() or "")
    assert found, "VERSITYGW names no program"
    return found


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory, versitygw: str) -> Path:
    """The archive as the image gets it, with four synthetic frames in place of sixty."""
    destination = tmp_path_factory.mktemp("archive")
    os.environ["VERSITYGW"] = versitygw
    seed.make(destination, frames=4)
    return destination


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """No AWS account of the person who runs the tests takes part."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
