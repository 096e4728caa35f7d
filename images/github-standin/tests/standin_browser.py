"""What the tests share: demonstration accounts, and somebody who uses a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from starlette.testclient import TestClient

CALLBACK = "https://hub.z2jh.test:8443/hub/oauth_callback"
ACCOUNTS = """
accounts:
  - {login: ada, id: 1001, name: Ada Lovelace, note: "teaches <the> class"}
  - {login: Edwin, id: 1002, name: Edwin Hubble}
  - {login: grace, id: 1003}
  - {login: mallory, id: 1004, name: Mallory}
organizations:
  - login: space-telescope-demo
    members: [ada, edwin, grace]
    owners: [ada]
    public_members: [grace]
    teams:
      instructors: [ada]
      astronomers: [ada, edwin]
"""
API = Callable[..., httpx.Response]


class Browser:
    """Does what a person does in a browser."""

    def __init__(self, client: TestClient | httpx.Client) -> None:
        self.client = client

    @staticmethod
    def fields(page: str) -> dict[str, str]:
        found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
        return {name: unescape(value) for name, value in found}

    def choose(self, login: str, **query: str) -> httpx.Response:
        """Open the sign-in page, choose an account, and return the authorize page."""
        path = f"/login/oauth/authorize?{urlencode(query)}"
        page = self.client.get(path)
        assert page.status_code == 200, page.text
        sent = self.client.post("/session", data={**self.fields(page.text), "login": login})
        assert sent.status_code == 303, sent.text
        return self.client.get(sent.headers["location"])

    def decide(self, page: httpx.Response, decision: str = "authorize") -> dict[str, str]:
        """Answer the authorize page, and return what the hub gets."""
        action = re.search(r'action="(/login/oauth/authorize[^"]*)"', page.text)
        assert action, page.text
        data = {"form": self.fields(page.text)["form"], "decision": decision}
        answer = self.client.post(unescape(action[1]), data=data)
        assert answer.status_code == 302, answer.text
        location = urlsplit(answer.headers["location"])
        assert location._replace(query="").geturl() == CALLBACK
        return {key: values[0] for key, values in parse_qs(location.query).items()}

    def code(self, login: str, **query: str) -> dict[str, str]:
        defaults = {"client_id": "hub-client", "redirect_uri": CALLBACK, "state": "s t&te=é", "scope": "read:org"}
        return self.decide(self.choose(login, **{**defaults, **query}))

    def exchange(self, code: str, **changes: str) -> dict[str, str]:
        data = {"client_id": "hub-client", "client_secret": "hub-secret", "code": code, "redirect_uri": CALLBACK}
        answer = self.client.post(
            "/login/oauth/access_token", data={**data, **changes}, headers={"accept": "application/json"}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()
