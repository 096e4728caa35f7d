"""A GitHub that answers as told, in place of the authenticator's HTTP client."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

from tornado.httpclient import HTTPRequest, HTTPResponse
from tornado.httputil import HTTPHeaders

GITHUB = "https://github.test"
API = f"{GITHUB}/api/v3"
TOKEN = f"{GITHUB}/login/oauth/access_token"
PERSON = {"login": "edwin", "id": 7, "email": "e@example.org"}
TEAMS = [{"slug": "operators", "organization": {"login": "stars"}}]


class FakeGitHub:
    """Answers by path; each answer is (status, body, headers) or an exception."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "/user": (200, PERSON, {}),
            "/user/teams": (200, TEAMS, {}),
            "/orgs/stars/members/edwin": (204, None, {}),
            "/orgs/stars": (200, {"login": "stars"}, {}),
            TOKEN: (200, {"access_token": "t", "token_type": "bearer", "scope": "read:org"}, {}),
        }

    def knows(self, login: str, number: int, *, is_member: bool = True) -> None:
        """Answer from now on for this account."""
        self.answers["/user"] = (200, PERSON | {"login": login, "id": number}, {})
        self.answers["/user/teams"] = (200, [], {})
        self.answers[f"/orgs/stars/members/{login.lower()}"] = (204 if is_member else 404, None, {})

    async def fetch(self, request: HTTPRequest, raise_error: bool = True) -> HTTPResponse:
        answer = self.answers.get(request.url.removeprefix(API).partition("?")[0], (404, {"message": "Not Found"}, {}))
        if isinstance(answer, Exception):
            raise answer
        status, body, headers = answer
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        response = HTTPResponse(request, status, headers=HTTPHeaders(headers), buffer=BytesIO(raw))
        if raise_error:
            response.rethrow()
        return response
