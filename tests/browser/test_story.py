"""The main story, in a real browser: sign in, open a tutorial, compute on archive data, leave."""

from __future__ import annotations

import re

import pytest
from live import steps
from live.people import Person
from live.steps import Shot
from playwright.sync_api import Page, expect

NOTEBOOK = "01-archive-to-cluster.ipynb"
RUN_MILLISECONDS = 420_000


@pytest.mark.timeout(900)
def test_from_sign_in_to_a_result(page: Page, edwin: Person, shot: Shot) -> None:
    steps.open_hub(page)
    shot("sign-in")
    steps.ask_to_sign_in(page)
    shot("accounts")
    steps.choose_account(page, "edwin")
    shot("authorize")
    steps.authorize(page, "edwin")
    steps.choose_image(page, "astronomy")
    shot("images")
    steps.start_server(page)
    shot("starting")
    steps.wait_for_lab(page)
    shot("lab")

    # What was open last time does not matter here.
    page.goto("/user/edwin/lab?reset")
    steps.wait_for_lab(page)
    notebook = steps.open_notebook(page, "tutorials", NOTEBOOK)
    shot("notebook")
    steps.run_all_cells(page)
    outputs = notebook.locator(".jp-OutputArea-output")
    expect(outputs.filter(has_text="two workers after")).to_have_count(1, timeout=RUN_MILLISECONDS)
    outputs.filter(has_text="two workers after").scroll_into_view_if_needed()
    shot("two-workers")
    result = outputs.filter(has_text="RESULT: OK")
    expect(result).to_have_count(1, timeout=RUN_MILLISECONDS)
    expect(result).to_contain_text("by 2 workers")
    result.scroll_into_view_if_needed()
    expect(result).to_be_visible()
    shot("result")

    expect(notebook.locator('.jp-OutputArea-output [data-mime-type="application/vnd.jupyter.stderr"]')).to_have_count(0)
    plots = notebook.locator(".jp-OutputArea-output img")
    expect(plots).to_have_count(2)
    for number in range(2):
        plot = plots.nth(number)
        plot.evaluate("image => image.scrollIntoView({block: 'center'})")
        assert plot.evaluate("image => image.naturalWidth") > 400
        shot(f"plot-{number + 1}")

    steps.sign_out(page)
    shot("signed-out")
    page.goto("/hub/home")
    steps.see_sign_in_page(page)

    # The server runs on, and is where the next sign-in leads; GitHub still knows who it is.
    steps.open_hub(page)
    page.get_by_role("button", name="Sign in with GitHub").click()
    steps.authorize(page, "edwin")
    steps.wait_for_lab(page)
    shot("back")


def test_somebody_else_is_refused(page: Page, shot: Shot) -> None:
    steps.open_hub(page)
    steps.ask_to_sign_in(page)
    steps.choose_account(page, "mallory")
    steps.authorize(page, "mallory")
    expect(page).to_have_url(re.compile("/hub/oauth_callback"))
    expect(page.get_by_role("heading", name=re.compile("403"))).to_be_visible()
    expect(page.get_by_text("members of space-telescope-demo")).to_be_visible()
    shot("refused")
    page.goto("/hub/home")
    steps.see_sign_in_page(page)


def test_somebody_who_changes_their_mind(page: Page, shot: Shot) -> None:
    steps.open_hub(page)
    steps.ask_to_sign_in(page)
    steps.choose_account(page, "edwin")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name=re.compile("40[03]"))).to_be_visible()
    shot("declined")
