"""Debian's Chromium, which trusts our CA as a person's browser would: by its certificate store."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from live.fixtures import cluster, edwin, grace, platform, sign_in
from live.platform import Platform
from live.steps import Shot
from playwright.sync_api import Browser, Page, sync_playwright

__all__ = ["cluster", "edwin", "grace", "platform", "sign_in"]

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",  # the tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
]
OUTPUT = Path(__file__).parent / "output"
FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember for the fixtures whether the test failed."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def home(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home directory whose certificate store holds our CA."""
    folder = tmp_path_factory.mktemp("home")
    if platform.ca:
        store = folder / ".pki" / "nssdb"
        store.mkdir(parents=True)
        for arguments in (["-N", "--empty-password"], ["-A", "-n", "z2jh", "-t", "C,,", "-i", str(platform.ca)]):
            subprocess.run(["certutil", "-d", f"sql:{store}", *arguments], check=True)
    return folder


@pytest.fixture(scope="session")
def browser(home: Path) -> Iterator[Browser]:
    """Start Chromium."""
    with sync_playwright() as playwright:
        environment: dict[str, str | float | bool] = {**os.environ, "HOME": str(home)}
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS, env=environment)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def output() -> Path:
    """Return the empty folder of this run's screenshots."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir()
    return OUTPUT


@pytest.fixture
def page(browser: Browser, platform: Platform, output: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Open a page in a fresh context; a failed test leaves a trace (`playwright show-trace`)."""
    context = browser.new_context(base_url=platform.url, viewport={"width": 1400, "height": 950})
    context.set_default_timeout(30_000)
    context.tracing.start(screenshots=True, snapshots=True)
    page = context.new_page()
    yield page
    if request.node.stash.get(FAILED, False):
        page.screenshot(path=output / f"{request.node.name}-failed.png")
        context.tracing.stop(path=output / f"{request.node.name}-trace.zip")
    context.close()


@pytest.fixture
def shot(page: Page, output: Path, request: pytest.FixtureRequest) -> Shot:
    """Return a function that takes a numbered screenshot."""
    names: list[str] = []

    def take(name: str) -> None:
        names.append(name)
        page.screenshot(path=output / f"{request.node.name}-{len(names):02}-{name}.png")

    return take
