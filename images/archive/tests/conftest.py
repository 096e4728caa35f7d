"""A small archive made once, and where versitygw is."""

import os
import shutil
from pathlib import Path

import pytest

from z2jh_archive import seed


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "binary: needs the program versitygw, which make up builds")


@pytest.fixture(scope="session")
def versitygw() -> str:
    places = (os.environ.get("VERSITYGW"), "versitygw", "/var/cache/z2jh/bin/versitygw", "/tmp/bin/versitygw")
    found = next((path for path in map(shutil.which, filter(None, places)) if path), None)
    if not found:
        pytest.fail("no versitygw: set VERSITYGW to its path, or run the others only with -m 'not binary'")
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
