"""A real hub, without a proxy and servers, whose GitHub answers as told: sign-ins as a browser makes them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from jupyterhub.app import JupyterHub
from jupyterhub.crypto import CryptKeeper
from jupyterhub.orm import APIToken, User
from jupyterhub.proxy import Proxy
from jupyterhub.spawner import SimpleLocalProcessSpawner
from traitlets.config import Config

from fake_github import GITHUB, FakeGitHub
from z2jh_hub.configuration import TEMPLATES


class NoProxy(Proxy):
    """Leads nowhere: the tests ask the hub itself."""

    should_start = False

    async def add_route(self, *_: Any) -> None: ...

    async def delete_route(self, *_: Any) -> None: ...

    async def get_all_routes(self) -> dict[str, Any]:
        return {}


class WithForm(SimpleLocalProcessSpawner):
    """Asks what to start, notes what is chosen, and starts nothing."""

    options_form = "What to start"

    def options_from_query(self, query: dict[str, list[str]]) -> dict[str, Any]:
        self.asked.append(query)
        raise ValueError("nothing is started in tests")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.asked: list[dict[str, list[str]]] = []


@asynccontextmanager
async def running_hub(folder: Path, github: FakeGitHub, **settings: Any) -> AsyncIterator[JupyterHub]:
    """Run a hub on a free port, with further settings of JupyterHub."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = Config()
    config.JupyterHub.update(
        authenticator_class="z2jh_hub.github.GitHubAuthenticator",
        cookie_secret=b"0" * 32,
        db_url=f"sqlite:///{folder}/jupyterhub.sqlite",
        hub_bind_url=url,
        log_level="CRITICAL",
        proxy_class=NoProxy,
        template_paths=[str(TEMPLATES)],
        **settings,
    )
    config.Authenticator.update(enable_auth_state=True, manage_groups=True)
    config.GitHubOAuthenticator.update(
        allowed_organizations={"stars"},
        client_id="id",
        client_secret="secret",
        github_url=GITHUB,
        oauth_callback_url=f"{url}/hub/oauth_callback",
        populate_teams_in_auth_state=True,
        scope=["read:org"],
    )
    app = JupyterHub(config=config)
    await app.initialize([])
    app.authenticator.http_client = github
    await app.start()
    try:
        yield app
    finally:
        app.http_server.stop()


async def sign_in(browser: httpx.AsyncClient) -> httpx.Response:
    """Go to GitHub and come back with a code."""
    begun = await browser.get("oauth_login")
    state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
    return await browser.get("oauth_callback", params={"code": "c", "state": state})


async def name_of(browser: httpx.AsyncClient) -> Any:
    """Return who the hub says one is, or the status of its refusal."""
    xsrf = next((cookie.value for cookie in browser.cookies.jar if cookie.name == "_xsrf"), "")
    answer = await browser.get("api/user", headers={"X-XSRFToken": xsrf or ""})
    return answer.json()["name"] if answer.status_code == 200 else answer.status_code


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:
    """Return what the hub asks, which keeps auth_state encrypted."""
    monkeypatch.setenv("JUPYTERHUB_CRYPT_KEY", "0" * 64)
    yield FakeGitHub()
    CryptKeeper.clear_instance()


def test_people_come_in_stay_the_same_and_are_told_why_not(tmp_path: Path, github: FakeGitHub) -> None:
    async def story() -> None:
        async with running_hub(tmp_path, github) as hub:
            browsers = [httpx.AsyncClient(base_url=hub.hub_bind_url, trust_env=False) for _ in range(5)]
            first, newcomer, renamed, outsider, late = browsers
            assert (await sign_in(first)).status_code == 302
            assert await name_of(first) == "edwin"

            github.knows("edwin", 8)
            assert (await sign_in(newcomer)).status_code == 302
            assert await name_of(newcomer) == "edwin.8"

            github.knows("hubble", 7)
            assert (await sign_in(renamed)).status_code == 302
            assert await name_of(renamed) == "edwin"

            github.knows("mallory", 9, is_member=False)
            refused = await sign_in(outsider)
            assert refused.status_code == 403
            assert "this hub is for members of stars" in refused.text
            assert "You have no access" in refused.text
            assert await name_of(outsider) == 403

            github.answers["/user"] = (502, {}, {})
            waits = await sign_in(late)
            assert waits.status_code == 503
            assert "Your files are safe" in waits.text
            assert await name_of(late) == 403
            for browser in browsers:
                await browser.aclose()

    asyncio.run(story())


def test_a_session_lasts_through_an_outage_and_ends_with_membership(tmp_path: Path, github: FakeGitHub) -> None:
    async def story() -> None:
        async with (
            running_hub(tmp_path, github) as hub,
            httpx.AsyncClient(base_url=hub.hub_bind_url, trust_env=False) as browser,
        ):
            await sign_in(browser)
            assert await name_of(browser) == "edwin"
            good = dict(github.answers)
            for fault in ((502, {}, {}), (200, b"<html>", {}), (403, {}, {"X-RateLimit-Remaining": "0"})):
                github.answers["/user"] = fault
                hub.users.clear()  # with them it forgets when it asked last
                assert await name_of(browser) == "edwin"
            github.answers = good | {"/orgs/stars/members/edwin": (404, None, {})}
            assert await name_of(browser) == "edwin"
            hub.users.clear()
            assert await name_of(browser) == 403

    asyncio.run(story())


def test_signing_out_ends_every_copy_of_a_cookie_and_leaves_other_tokens(tmp_path: Path, github: FakeGitHub) -> None:
    async def story() -> None:
        async with running_hub(tmp_path, github) as hub:
            browsers = [httpx.AsyncClient(base_url=hub.hub_bind_url, trust_env=False) for _ in range(4)]
            first, second, thief, other = browsers
            github.knows("grace", 8)
            await sign_in(other)
            github.knows("edwin", 7)
            await sign_in(first)
            await sign_in(second)
            thief.cookies.update(first.cookies)
            user = hub.db.query(User).filter_by(name="edwin").one()
            made = [user.new_api_token(session_id=session) for session in (None, "of another browser")]
            # Control: until then, all of them count.
            assert [await name_of(browser) for browser in browsers] == ["edwin"] * 3 + ["grace"]
            assert [APIToken.find(hub.db, token) is not None for token in made] == [True, True]

            for site, shown in (("cross-site", "document"), ("same-site", "image"), ("same-site", "iframe")):
                foreign = {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": shown}
                assert (await first.get("logout", headers=foreign)).status_code == 403
            assert await name_of(first) == "edwin"
            # What JupyterLab's own Log Out leads to.
            await first.get("logout", headers={"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "document"})
            assert [await name_of(browser) for browser in browsers] == [403, 403, 403, "grace"]
            assert [APIToken.find(hub.db, token) is not None for token in made] == [True, False]
            # Nobody else ends what is theirs.
            await sign_in(first)
            await thief.get("logout")
            assert await name_of(first) == "edwin"
            for browser in browsers:
                await browser.aclose()

    asyncio.run(story())


def test_a_sign_in_is_of_the_hubs_host_name_alone(tmp_path: Path, github: FakeGitHub) -> None:
    async def story() -> None:
        settings = {"subdomain_host": "https://hub.example.org", "cookie_host_prefix_enabled": True}
        async with (
            running_hub(tmp_path, github, **settings) as hub,
            httpx.AsyncClient(base_url=hub.hub_bind_url, trust_env=False) as browser,
        ):
            begun = await browser.get("oauth_login", headers={"Host": "hub.example.org"})
            assert begun.status_code == 302
            name, *attributes = begun.headers["set-cookie"].split("; ")
            assert name.startswith("__Host-oauthenticator-state=")
            assert {"Secure", "HttpOnly", "Path=/"} <= set(attributes)
            for page in ("oauth_login", "oauth_callback"):
                elsewhere = await browser.get(page, headers={"Host": "edwin.hub.example.org"})
                assert elsewhere.status_code == 404
                assert "Please go to https://hub.example.org" in elsewhere.text
                assert "oauthenticator-state" not in elsewhere.headers.get("set-cookie", "")

    asyncio.run(story())


@pytest.mark.parametrize("query", ["?profile=minimal", "?profile=minimal&next=%2Fhub%2Fhome"])
def test_a_link_from_elsewhere_starts_nothing(tmp_path: Path, github: FakeGitHub, query: str) -> None:
    async def story() -> None:
        async with (
            running_hub(tmp_path, github, spawner_class=WithForm) as hub,
            httpx.AsyncClient(base_url=hub.hub_bind_url, trust_env=False) as browser,
        ):
            await sign_in(browser)
            spawner = hub.users["edwin"].spawner
            for site in ("cross-site", "same-site"):
                for shown in ("empty", "iframe", "image"):
                    hidden = {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": shown}
                    assert (await browser.get(f"spawn{query}", headers=hidden)).status_code == 403
                link = {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": "document"}
                page = await browser.get(f"spawn{query}", headers=link)
                assert page.status_code == 200
                assert "What to start" in page.text
            assert spawner.asked == []
            # Control: the hub's own page, and an address that a person opens.
            for site in ("same-origin", "none"):
                await browser.get(f"spawn{query}", headers={"Sec-Fetch-Site": site})
            assert spawner.asked == [{"profile": ["minimal"]}] * 2

    asyncio.run(story())
