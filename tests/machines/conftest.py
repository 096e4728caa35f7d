"""Machines that know nothing of this project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from live.machines import Machines
from machines.site import CLIENT_ID, Site


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let somebody who has Ubuntu's keys, which Debian 12 has not, see one of its machines as a node."""
    parser.addoption(
        "--ubuntu-keyring",
        type=Path,
        help="keyring of Ubuntu's archive: the further worker runs Ubuntu 24.04, not Debian",
    )


@pytest.fixture
def ubuntu_keyring(pytestconfig: pytest.Config) -> Path | None:
    """Return the keys of Ubuntu's archive, if they were given."""
    found: Path | None = pytestconfig.getoption("--ubuntu-keyring", None)
    return found


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Have two machines, and credentials of an OAuth app that GitHub has never heard of."""
    monkeypatch.setenv("GITHUB_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("GITHUB_CLIENT_SECRET", "0123456789abcdef0123456789abcdef01234567")
    machines = Machines(tmp_path)
    try:
        machines.add("cp1", 11)
        machines.add("worker1", 21)
        made = Site(tmp_path, machines)
        made.lead_name_to("worker1")
        yield made
    finally:
        machines.remove()
        if "made" in locals():
            made.lead_name_to("")
