"""T38, T39: what a page of one person's server may do to who opens it, which is what a script of its origin may do."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from live import steps
from live.people import Person
from live.platform import Platform
from playwright.sync_api import Page, expect

# Asks an address with the browser's cookies, and with the word that the page has against forged requests, as the hub's
# pages and JupyterLab do; says what the page gets to see.
ASK = """
async ([url, options]) => {
  const word = window.jhdata?.xsrf_token ?? document.cookie.match(/(?:^|; )_xsrf=([^;]*)/)?.[1];
  const headers = {"Content-Type": "application/json", ...(word && {"X-XSRFToken": word})};
  try {
    const answer = await fetch(url, {credentials: "include", headers, ...options});
    return {type: answer.type, status: answer.status, text: await answer.text()};
  } catch (error) {
    return {type: error.name, status: 0, text: ""};
  }
}
"""


def ask(page: Page, url: str, **options: Any) -> dict[str, Any]:
    """Have a script of the open page ask an address."""
    answer: dict[str, Any] = page.evaluate(ASK, [url, options])
    return answer


@pytest.fixture
def graces_page(page: Page) -> Page:
    """Return a browser in which Grace is signed in."""
    steps.open_hub(page)
    steps.ask_to_sign_in(page)
    steps.choose_account(page, "grace")
    steps.authorize(page, "grace")
    page.goto("/hub/home")
    expect(page.get_by_role("button", name="Logout")).to_be_visible()
    return page


@pytest.mark.timeout(300)
def test_a_page_of_anothers_server_does_not_act_for_who_opens_it(
    platform: Platform, graces_page: Page, edwin: Person, grace: Person
) -> None:
    edwin.start_server()
    grace.start_server()
    hub, user = platform.url, f"{platform.url}/hub/api/user"
    token = f"{platform.url}/hub/api/users/grace/tokens"
    lab, files = platform.server("grace", "lab"), platform.server("grace", "api/contents")
    # The control: pages of the hub and of her own server are let.
    assert '"name": "grace"' in ask(graces_page, user)["text"]
    made = ask(graces_page, token, method="POST", body="{}")
    assert made["status"] == 201, made
    grace.api("DELETE", f"/users/grace/tokens/{json.loads(made['text'])['id']}").raise_for_status()
    graces_page.goto(lab)
    steps.wait_for_lab(graces_page)
    assert ask(graces_page, files)["status"] == 200

    # What is there is as good as a page that Edwin made: it has his server's origin, and nobody has to sign in for it.
    # The control: it may ask that.
    graces_page.goto(platform.server("edwin", "static/favicons/favicon.ico"))
    assert ask(graces_page, platform.server("edwin", "api"))["status"] == 200
    assert graces_page.evaluate("location.origin") not in (hub, graces_page.evaluate(f"new URL('{lab}').origin"))
    for address in (user, f"{hub}/hub/token", files, lab):
        assert ask(graces_page, address) == {"type": "TypeError", "status": 0, "text": ""}, address
    # It may send, but not what a form or a script of the hub would.
    before = grace.api("GET", "/users/grace/tokens").json()["api_tokens"]
    assert ask(graces_page, token, method="POST", mode="no-cors", body="{}")["type"] == "opaque"
    assert ask(graces_page, token, method="POST", body="{}")["status"] == 0
    after = grace.api("GET", "/users/grace/tokens").json()["api_tokens"]
    assert [found["id"] for found in after] == [found["id"] for found in before]

    # Nor does it get her cookie for the hub, or set one that the browser sends to the hub in its place.
    def held(address: str) -> dict[str, str]:
        return {cookie["name"]: cookie["value"] for cookie in graces_page.context.cookies(address)}

    (name,) = (name for name in held(hub) if name.endswith("hub-login"))
    value = held(hub)[name]
    assert name not in held(platform.server("edwin"))
    toss = "([name, domain]) => { document.cookie = `${name}=x; Domain=${domain}; Path=/hub/; Secure`; }"
    graces_page.evaluate(toss, ["control", urlsplit(hub).hostname])
    graces_page.evaluate(toss, [name, urlsplit(hub).hostname])
    kept = [cookie for cookie in graces_page.context.cookies(f"{hub}/hub/home") if cookie["name"] in (name, "control")]
    assert sorted((cookie["name"], cookie["value"]) for cookie in kept) == sorted([(name, value), ("control", "x")])
    graces_page.goto("/hub/home")
    expect(graces_page.get_by_role("button", name="Logout")).to_be_visible()
