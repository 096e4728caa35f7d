"""T38 to T41: what a page of one person's server may do to who opens it, as a script of its origin may."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from live import steps
from live.people import Person
from live.platform import Platform
from live.polling import until
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


def toss(page: Page, domain: str, path: str, cookies: dict[str, str]) -> None:
    """Have a script of the open page set cookies for a domain that its host name is below."""
    page.evaluate(
        "([domain, path, cookies]) => { for (const [name, value] of Object.entries(cookies))"
        " document.cookie = `${name}=${value}; Domain=${domain}; Path=${path}; Secure`; }",
        [domain, path, cookies],
    )


def open_page_of(page: Page, platform: Platform, name: str) -> None:
    """Open what is as good as a page that a person made: it has the server's origin, and nobody signs in for it."""
    page.goto(platform.server(name, "static/favicons/favicon.ico"))


def signed_in(page: Page, name: str) -> Page:
    """Have somebody signed in with the browser."""
    steps.open_hub(page)
    steps.ask_to_sign_in(page)
    steps.choose_account(page, name)
    steps.authorize(page, name)
    page.goto("/hub/home")
    expect(page.get_by_role("button", name="Logout")).to_be_visible()
    return page


@pytest.fixture
def graces_page(page: Page) -> Page:
    """Return a browser in which Grace is signed in."""
    return signed_in(page, "grace")


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

    # The control: it may ask its own server.
    open_page_of(graces_page, platform, "edwin")
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
    toss(graces_page, urlsplit(hub).hostname or "", "/hub/", {"control": "x", name: "x"})
    kept = [cookie for cookie in graces_page.context.cookies(f"{hub}/hub/home") if cookie["name"] in (name, "control")]
    assert sorted((cookie["name"], cookie["value"]) for cookie in kept) == sorted([(name, value), ("control", "x")])
    graces_page.goto("/hub/home")
    expect(graces_page.get_by_role("button", name="Logout")).to_be_visible()


@pytest.mark.timeout(300)
def test_a_page_of_anothers_server_does_not_sign_who_opens_it_in_as_another(
    platform: Platform, graces_page: Page, edwin: Person
) -> None:
    edwin.start_server()
    edwin.http.cookies.clear()
    callback = edwin.callback()
    # Edwin's half of the sign-in, whatever its cookie is called.
    begun = {cookie.name: cookie.value or "" for cookie in edwin.http.cookies.jar if "state" in cookie.name}
    assert begun
    open_page_of(graces_page, platform, "edwin")
    toss(graces_page, urlsplit(platform.url).hostname or "", "/hub/oauth_callback", begun)
    graces_page.goto(callback)
    expect(graces_page.get_by_text("not begun in this browser")).to_be_visible()
    graces_page.goto("/hub/home")
    expect(graces_page.get_by_text("grace", exact=True)).to_be_visible()
    # The control: in the browser that began it, it counts.
    assert edwin.http.get(callback).status_code == 200
    assert edwin.is_signed_in()
    # And nobody signs in at the host name of a server, whose pages could read what that leaves.
    elsewhere = str(httpx.URL(callback).copy_with(host=httpx.URL(platform.server("edwin")).host))
    assert edwin.http.get(elsewhere).status_code == 404


@pytest.mark.timeout(300)
def test_a_page_of_anothers_server_starts_nothing_and_signs_nobody_out(
    platform: Platform, page: Page, edwin: Person, grace: Person
) -> None:
    # Other tests hold on to Grace's sessions, which signing out ends.
    edwins_page = signed_in(page, "edwin")
    grace.start_server()
    start, out = f"{platform.url}/hub/spawn/edwin/t41?profile=minimal", f"{platform.url}/hub/logout"

    def servers() -> set[str]:
        answer = edwin.api("GET", "/users/edwin")
        answer.raise_for_status()
        return set(answer.json()["servers"])

    before = servers()
    assert "t41" not in before
    for address in (start, out):
        open_page_of(edwins_page, platform, "grace")
        with edwins_page.expect_response(address) as answer:
            edwins_page.evaluate("url => fetch(url, {mode: 'no-cors', credentials: 'include'})", address)
        assert answer.value.status == 403
        frame = "url => document.body.appendChild(document.createElement('iframe')).src = url"
        with edwins_page.expect_response(address) as answer:
            edwins_page.evaluate(frame, address)
        assert answer.value.status == 403
    # A link leads to the page where servers are started, and no further.
    open_page_of(edwins_page, platform, "grace")
    edwins_page.evaluate("url => { location.href = url; }", start)
    expect(edwins_page.get_by_role("button", name="Start")).to_be_visible()
    assert servers() == before
    # The control: an address that he opens himself does what it says.
    edwins_page.goto(start)
    until("it starts", lambda: "t41" in servers(), 30)
    edwin.wait_for_server(name="t41")
    edwin.forget_server("t41")
    # The control: a link signs out, as JupyterLab's Log Out does.
    open_page_of(edwins_page, platform, "grace")
    edwins_page.evaluate("url => { location.href = url; }", out)
    steps.see_sign_in_page(edwins_page)


@pytest.mark.timeout(300)
def test_a_page_of_anothers_server_sends_nothing_to_what_listens_in_a_pod(platform: Platform, grace: Person) -> None:
    grace.start_server()
    # Nothing listens there, which the server says once it has tried. It knows her by the cookie, as a browser's.
    address = platform.server("grace", "proxy/9/run")
    assert grace.http.get(platform.server("grace", "lab")).status_code == 200
    answers = {
        site: grace.http.post(address, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}).status_code
        for site in ("same-site", "cross-site", "same-origin")
    }
    assert answers["same-site"] == answers["cross-site"] == 403
    # The control: a page of her own server is let.
    assert answers["same-origin"] == 500
