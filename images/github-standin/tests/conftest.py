"""A running service with demonstration accounts, in process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# So that the tests run from any folder, with nothing installed and whatever way pytest imports them.
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
sys.path.insert(0, str(Path(__file__).parent))

from starlette.testclient import TestClient

from standin_browser import ACCOUNTS, API, CALLBACK, Browser
from z2jh_github_standin.app import create_app
from z2jh_github_standin.config import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    accounts = tmp_path / "accounts.yaml"
    accounts.write_text(ACCOUNTS)
    return Settings(
        url="https://github.z2jh.test:8444",
        callback_url=CALLBACK,
        client_id="hub-client",
        client_secret="hub-secret",
        operator_token="operator",
        accounts_file=accounts,
        tls_cert=tmp_path / "tls.crt",
        tls_key=tmp_path / "tls.key",
    )


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), base_url=settings.url, follow_redirects=False) as test_client:
        yield test_client


@pytest.fixture
def browser(client: TestClient) -> Browser:
    return Browser(client)


@pytest.fixture
def api(browser: Browser) -> Callable[..., API]:
    """Sign in, and return a function that calls the API."""

    def sign_in(login: str, scope: str = "read:org") -> API:
        token = browser.exchange(browser.code(login, scope=scope)["code"])["access_token"]
        browser.client.cookies.clear()
        headers = {"authorization": f"Bearer {token}"}
        return lambda path, **params: browser.client.get(f"/api/v3{path}", headers=headers, params=params)

    return sign_in
