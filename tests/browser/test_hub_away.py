"""What a person sees while the hub is away: a page that says so, and work that goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from live import steps
from live.cluster import Cluster
from live.faults import scaled_to_nothing
from live.people import Person
from live.steps import Shot
from playwright.sync_api import Page, expect


def compute(page: Page, code: str, result: str) -> None:
    """Run a cell of the console and see its result."""
    page.locator(".jp-CodeConsole-input .cm-content").click()
    page.keyboard.insert_text(code)
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-CodeConsole .jp-OutputArea-output").last).to_have_text(result)


@pytest.mark.life
@pytest.mark.timeout(300)
def test_work_goes_on_and_a_page_says_why_the_hub_does_not(
    page: Page, cluster: Cluster, edwin: Person, shot: Shot, output: Path
) -> None:
    edwin.start_server()
    steps.open_hub(page)
    steps.ask_to_sign_in(page)
    steps.choose_account(page, "edwin")
    steps.authorize(page, "edwin")
    page.goto("/user/edwin/lab?reset")
    steps.wait_for_lab(page)
    page.locator('.jp-LauncherCard[data-category="Console"]').first.click()
    compute(page, "answer = 6 * 7; answer", "42")
    hub = page.context.new_page()
    hub.goto("/hub/home")
    expect(hub.get_by_role("button", name="My Server", exact=True)).to_be_visible()
    with scaled_to_nothing(cluster, "hub"):
        hub.goto("/hub/home")
        expect(hub.get_by_role("heading", name="Not available just now")).to_be_visible()
        hub.screenshot(path=output / "the-hub-is-away.png")
        compute(page, "answer + 1", "43")
        shot("work-goes-on")
    # It comes back by itself.
    expect(hub.get_by_role("button", name="My Server", exact=True)).to_be_visible(timeout=60_000)
    compute(page, "answer + 2", "44")
