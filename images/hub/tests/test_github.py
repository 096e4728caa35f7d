"""The authenticator against a GitHub that answers as told."""

from __future__ import annotations

import asyncio
import json
import time
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse
from tornado.httputil import HTTPHeaders
from traitlets import TraitError
from traitlets.config import Config

from z2jh_hub.github import GitHubAuthenticator, GitHubUnavailableError

API = "https://github.test/api/v3"
PERSON = {"login": "edwin", "id": 7, "email": "e@example.org"}
TEAMS = [{"slug": "operators", "organization": {"login": "stars"}}]
LIMIT = (403, {"message": "API rate limit exceeded"}, {"X-RateLimit-Remaining": "0"})
SECONDARY = (403, {"message": "You have exceeded a secondary rate limit"}, {})


class FakeGitHub:
    """Answers by path; each answer is (status, body, headers) or an exception."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "/user": (200, PERSON, {}),
            "/user/teams": (200, TEAMS, {}),
            "/orgs/stars/members/edwin": (204, None, {}),
        }

    async def fetch(self, request: HTTPRequest, raise_error: bool = True) -> HTTPResponse:
        answer = self.answers[request.url.removeprefix(API).partition("?")[0]]
        if isinstance(answer, Exception):
            raise answer
        status, body, headers = answer
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        response = HTTPResponse(request, status, headers=HTTPHeaders(headers), buffer=BytesIO(raw))
        if raise_error:
            response.rethrow()
        return response


class FakeUser(SimpleNamespace):
    """A person whose sign-in is remembered."""

    async def get_auth_state(self) -> dict[str, Any]:
        token = {"access_token": "t", "token_type": "bearer", "scope": "read:org"}
        return {"token_response": token, "confirmed_at": time.time() - self.age}


@pytest.fixture
def github() -> FakeGitHub:
    return FakeGitHub()


@pytest.fixture
def authenticator(github: FakeGitHub) -> GitHubAuthenticator:
    config = Config()
    config.GitHubOAuthenticator.update(
        github_url="https://github.test",
        client_id="id",
        client_secret="secret",
        scope=["read:user", "read:org"],
        allowed_organizations={"stars"},
        manage_groups=True,
        admin_groups={"stars:operators"},
        populate_teams_in_auth_state=True,
        enable_auth_state=True,
    )
    return GitHubAuthenticator(config=config, http_client=github)


def refresh(authenticator: GitHubAuthenticator, age: float = 300) -> Any:
    return asyncio.run(authenticator.refresh_user(FakeUser(name="edwin", age=age)))


def test_a_member_is_refreshed_with_teams_and_admin(authenticator: GitHubAuthenticator) -> None:
    refreshed = refresh(authenticator)
    assert refreshed["name"] == "edwin"
    assert refreshed["groups"] == ["stars:operators"]
    assert refreshed["admin"] is True


@pytest.mark.parametrize("path", ["/user", "/user/teams", "/orgs/stars/members/edwin"])
@pytest.mark.parametrize(
    "answer",
    [
        (500, {}, {}),
        (502, b"<html>", {}),
        (429, {}, {}),
        LIMIT,
        SECONDARY,
        HTTPClientError(599, "Timeout"),
        ConnectionRefusedError("refused"),
    ],
    ids=["500", "502", "429", "rate-limit", "secondary-limit", "timeout", "refused"],
)
def test_an_outage_logs_nobody_out(
    authenticator: GitHubAuthenticator, github: FakeGitHub, path: str, answer: Any
) -> None:
    github.answers["/user/teams"] = (200, [], {})  # not an administrator, so membership is asked for
    github.answers[path] = answer
    assert refresh(authenticator) is True


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ((500, {}, {}), 12 * 3600),
        ((200, b"<html>", {}), 12 * 3600),
        (ConnectionRefusedError("refused"), 12 * 3600),
        ((429, {}, {}), 3600),
        (LIMIT, 3600),
        (SECONDARY, 3600),
    ],
    ids=["500", "garbage", "refused", "429", "rate-limit", "secondary-limit"],
)
def test_silence_has_a_bound(authenticator: GitHubAuthenticator, github: FakeGitHub, answer: Any, seconds: int) -> None:
    github.answers["/user"] = answer
    assert refresh(authenticator, seconds - 60) is True
    assert refresh(authenticator, seconds + 60) is False


def test_the_bounds_can_be_set(authenticator: GitHubAuthenticator, github: FakeGitHub) -> None:
    github.answers["/user"] = (500, {}, {})
    authenticator.outage_seconds = 600
    assert refresh(authenticator, 660) is False
    github.answers["/user"] = (429, {}, {})
    assert refresh(authenticator, 660) is False  # not longer than an outage
    with pytest.raises(TraitError):
        authenticator.rate_limit_seconds = 7200


def test_an_answer_begins_a_new_time(authenticator: GitHubAuthenticator) -> None:
    assert refresh(authenticator, 10**6)["auth_state"]["confirmed_at"] == pytest.approx(time.time(), abs=60)


def test_an_administrator_of_before_is_demoted(authenticator: GitHubAuthenticator, github: FakeGitHub) -> None:
    github.answers["/user/teams"] = (200, [], {})
    assert refresh(authenticator)["admin"] is False
    authenticator.admin_users = {"edwin"}
    assert refresh(authenticator)["admin"] is True


def test_without_admin_groups_nobody_is_administrator(authenticator: GitHubAuthenticator) -> None:
    authenticator.admin_groups = set()
    refreshed = refresh(authenticator)
    assert refreshed["admin"] is False
    assert refreshed["groups"] == ["stars:operators"]


@pytest.mark.parametrize("body", [b"<html>not json", b"[]", b"null", b"{}", b'{"login": 1}'])
def test_garbage_logs_nobody_out(authenticator: GitHubAuthenticator, github: FakeGitHub, body: bytes) -> None:
    github.answers["/user"] = (200, body, {})
    assert refresh(authenticator) is True


def test_a_revoked_token_needs_a_new_sign_in(authenticator: GitHubAuthenticator, github: FakeGitHub) -> None:
    github.answers["/user"] = (401, {"message": "Bad credentials"}, {})
    assert refresh(authenticator) is False


def test_a_plain_403_is_a_refusal(authenticator: GitHubAuthenticator, github: FakeGitHub) -> None:
    github.answers["/user"] = (403, {"message": "Sorry. Your account was suspended"}, {})
    assert refresh(authenticator) is False


def test_leaving_the_organization_ends_access(authenticator: GitHubAuthenticator, github: FakeGitHub) -> None:
    github.answers["/user/teams"] = (200, [], {})
    github.answers["/orgs/stars/members/edwin"] = (404, {"message": "Not Found"}, {})
    assert refresh(authenticator) is False


def test_an_outage_at_sign_in_is_said_so(authenticator: GitHubAuthenticator, github: FakeGitHub) -> None:
    github.answers["/user/teams"] = (200, [], {})
    github.answers["/orgs/stars/members/edwin"] = (503, {}, {})
    auth_model = {
        "admin": None,
        "auth_state": {"token_response": {"access_token": "t", "token_type": "bearer"}},
    }
    with pytest.raises(GitHubUnavailableError) as caught:
        asyncio.run(authenticator.check_allowed("edwin", auth_model))
    assert caught.value.status_code == 503


def test_refused_people_read_which_organization(authenticator: GitHubAuthenticator) -> None:
    assert "members of stars," in authenticator.custom_403_message


def test_nobody_is_let_in_by_default() -> None:
    bare = GitHubAuthenticator(client_id="id", client_secret="secret")
    assert not asyncio.run(bare.check_allowed("edwin", {"admin": None, "auth_state": {}}))
