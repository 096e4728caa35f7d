"""What a person does in the browser, step by step."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

# Takes a screenshot of this name.
Shot = Callable[[str], None]

SPAWN_MILLISECONDS = 180_000


def see_sign_in_page(page: Page) -> None:
    """Be nobody to the hub."""
    expect(page.get_by_role("button", name="Sign in with GitHub")).to_be_visible()


def open_hub(page: Page) -> None:
    """Open the hub's address."""
    page.goto("/")
    see_sign_in_page(page)


def ask_to_sign_in(page: Page) -> None:
    """Go to GitHub."""
    page.get_by_role("button", name="Sign in with GitHub").click()
    expect(page.get_by_role("heading", name="Sign in as")).to_be_visible()


def choose_account(page: Page, login: str) -> None:
    """Choose a demonstration account of the stand-in, and see what it is asked for."""
    page.locator(f'button[name="login"][value="{login}"]').click()
    expect(page.get_by_role("heading", name="Authorize the hub")).to_be_visible()


def authorize(page: Page, login: str) -> None:
    """Let the hub know who it is."""
    page.get_by_role("button", name=f"Authorize as {login}").click()


def choose_image(page: Page, slug: str) -> None:
    """Choose an image on the spawn page."""
    expect(page.get_by_role("heading", name="Server Options")).to_be_visible()
    page.locator(f'input[name="profile"][value="{slug}"]').check()


def start_server(page: Page) -> None:
    """Start the server and see that it is on its way."""
    page.get_by_role("button", name="Start").click()
    page.wait_for_url(re.compile(r"/hub/spawn-pending/|/user/"))


def wait_for_lab(page: Page) -> None:
    """Wait until JupyterLab is ready."""
    page.wait_for_url(re.compile(r"/user/[^/]+/lab"), timeout=SPAWN_MILLISECONDS)
    expect(page.locator("#jupyterlab-splash")).to_have_count(0, timeout=60_000)
    # Whatever was open last.
    expect(page.locator("#jp-main-dock-panel")).to_be_visible(timeout=60_000)


def in_folder(page: Page, name: str) -> Locator:
    """Return an entry of the file browser."""
    return page.locator(".jp-DirListing-item").filter(has_text=name)


def open_notebook(page: Page, folder: str, name: str) -> Locator:
    """Open a notebook from the file browser; return its panel once its kernel waits for work."""
    in_folder(page, folder).dblclick()
    in_folder(page, name).dblclick()
    panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    expect(panel.locator(".jp-Cell").first).to_be_visible(timeout=60_000)
    expect(page.locator("#jp-main-statusbar")).to_contain_text(re.compile(r"Python 3.*\| Idle"), timeout=60_000)
    return panel


def run_all_cells(page: Page) -> None:
    """Choose Run > Run All Cells in the menu."""
    page.get_by_role("menubar").get_by_role("menuitem", name="Run", exact=True).click()
    page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()


def sign_out(page: Page) -> None:
    """Sign out on the hub's own page."""
    page.goto("/hub/home")
    page.get_by_role("button", name="Logout").click()
    see_sign_in_page(page)
