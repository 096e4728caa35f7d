"""A table of what was measured, printed at the end."""

from __future__ import annotations

import pytest
from live.fixtures import cluster, platform, sign_in
from live.table import Table

__all__ = ["cluster", "platform", "sign_in"]

TABLE = pytest.StashKey[Table]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options that say how often."""
    parser.addoption("--spawns", type=int, default=5, help="how many servers to start, one after the other")


def pytest_configure(config: pytest.Config) -> None:
    """Begin the table."""
    config.stash[TABLE] = Table()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table."""
    if config.stash[TABLE].rows:
        terminalreporter.write_line("\n" + config.stash[TABLE].text())


@pytest.fixture(scope="session")
def table(request: pytest.FixtureRequest) -> Table:
    """Return the table of this run."""
    return request.config.stash[TABLE]
