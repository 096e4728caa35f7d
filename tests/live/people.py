"""People of the platform, who sign in as a browser does: by GitHub's OAuth code flow over https."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any
from urllib.parse import urljoin

import httpx

from live.platform import Platform
from live.polling import until

SPAWN_SECONDS = 180
STOP_SECONDS = 60


class SpawnError(Exception):
    """A server did not start; the text is what the person is told."""


def hidden_fields(page: str) -> dict[str, str]:
    """Return the hidden inputs of the first form on a page."""
    form = page.partition("</form>")[0]
    return {
        name: unescape(value) for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form)
    }


class Person:
    """Somebody with a demonstration account of the GitHub stand-in, and a cookie jar."""

    def __init__(self, platform: Platform, name: str) -> None:
        self.platform = platform
        self.name = name
        self.http = platform.http()
        self._tokens: list[str] = []

    def sign_in(self) -> httpx.Response:
        """Go through the code flow; return the last page, which is the hub's, be it a welcome or a refusal."""
        return self.http.get(self.callback())

    def is_signed_in(self) -> bool:
        """Say whether the hub knows the person."""
        return self.api("GET", "/user").status_code == 200

    def callback(self, *, decision: str = "authorize") -> str:
        """Go through the code flow up to GitHub's answer; return the address of the hub that it leads back to."""
        people = self.http.get("/hub/oauth_login", params={"next": "/hub/home"})
        people.raise_for_status()
        chosen = {**hidden_fields(people.text), "login": self.name}
        question = self.http.post(urljoin(str(people.url), "/session"), data=chosen)
        question.raise_for_status()
        action = re.search(r'action="(/login/oauth/authorize[^"]*)"', question.text)
        assert action, f"the stand-in did not ask {self.name} to authorize the hub: {question.text}"
        answer = {"form": hidden_fields(question.text)["form"], "decision": decision}
        back = self.http.post(urljoin(str(question.url), unescape(action[1])), data=answer, follow_redirects=False)
        assert back.is_redirect, f"the stand-in did not lead back to the hub: {back.text}"
        return str(back.headers["location"])

    def api(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the hub's API by cookie, as the hub's own pages do."""
        return self.http.request(method, f"/hub/api{path}", headers={"X-XSRFToken": self.xsrf()}, **options)

    def xsrf(self) -> str:
        """Return what shows the hub that a request comes from one of its own pages."""
        return next((c.value or "" for c in self.http.cookies.jar if c.name == "_xsrf" and c.path == "/hub/"), "")

    def token(self, scopes: list[str] | None = None) -> str:
        """Make a token that ends with the tests: of these scopes, or with all that the person may do."""
        wanted = {"note": "tests", "expires_in": 3600, **({"scopes": scopes} if scopes else {})}
        answer = self.api("POST", f"/users/{self.name}/tokens", json=wanted)
        answer.raise_for_status()
        self._tokens.append(answer.json()["id"])
        token: str = answer.json()["token"]
        return token

    def server(self) -> dict[str, Any] | None:
        """Return what the hub knows of the person's default server, if there is one."""
        answer = self.api("GET", f"/users/{self.name}")
        answer.raise_for_status()
        found: dict[str, Any] | None = answer.json()["servers"].get("")
        return found

    def _path(self, name: str) -> str:
        """Return where the API has the person's server of a name, or the default one."""
        return f"/users/{self.name}/servers/{name}" if name else f"/users/{self.name}/server"

    def ask_for_server(self, profile: str, *, name: str = "", **options: str) -> None:
        """Ask the hub to start the person's server, or the one of a name."""
        answer = self.api("POST", self._path(name), json={"profile": profile, **options})
        if answer.status_code not in (201, 202):
            raise SpawnError(answer.text)

    def wait_for_server(self, seconds: float = SPAWN_SECONDS, *, name: str = "") -> None:
        """Follow the hub's progress events until the server is ready."""
        seen = ""
        with self.http.stream("GET", f"/hub/api{self._path(name)}/progress", timeout=seconds) as events:
            if events.status_code == 400:  # no longer pending: there is nothing to follow
                return
            for line in events.iter_lines():
                event = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                seen = event.get("message", seen)
                if event.get("failed"):
                    raise SpawnError(seen)
                if event.get("ready"):
                    return
        raise SpawnError(f"the progress of {self.name}'s server ended with: {seen}")

    def start_server(self, profile: str = "minimal") -> bool:
        """Have a running server; say whether it had to be started."""
        server = self.server()
        if server and server["ready"]:
            return False
        self.ask_for_server(profile)
        self.wait_for_server()
        return True

    def stop_server(self) -> None:
        """Have no server."""
        if self.server():
            self.api("DELETE", f"/users/{self.name}/server").raise_for_status()
            until(f"the server of {self.name} has stopped", lambda: not self.server(), STOP_SECONDS)

    def forget_server(self, name: str) -> None:
        """Have no server of this name, and no home of it."""
        self.api("DELETE", self._path(name), json={"remove": True})

    def leave(self) -> None:
        """Revoke the tokens and forget the cookies; to sign out would end everybody's sessions of this name."""
        for token in self._tokens:
            self.api("DELETE", f"/users/{self.name}/tokens/{token}")
        self.http.close()
