"""The authenticator against a GitHub that answers as told."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub import orm
from oauthenticator.oauth2 import _serialize_state
from sqlalchemy import create_engine, inspect
from sqlalchemy.orm import Session
from tornado.httpclient import HTTPClientError
from tornado.web import HTTPError
from traitlets import TraitError
from traitlets.config import Config

from fake_github import GITHUB, PERSON, TOKEN, FakeGitHub
from z2jh_hub.github import CallbackHandler, GitHubAuthenticator, GitHubUnavailableError
from z2jh_hub.identity import Identity, known_name

LIMIT = (403, {"message": "API rate limit exceeded"}, {"X-RateLimit-Remaining": "0"})
SECONDARY = (403, {"message": "You have exceeded a secondary rate limit"}, {})


class FakeUser(SimpleNamespace):
    """A person whose sign-in is remembered."""

    age = 300.0
    account: Any = PERSON

    async def get_auth_state(self) -> dict[str, Any]:
        token = {"access_token": "t", "token_type": "bearer", "scope": "read:org"}
        return {"token_response": token, "confirmed_at": time.time() - self.age, "github_user": self.account}


class FakeHandler(SimpleNamespace):
    """A request that ends a sign-in, and the hub's database."""

    def __init__(self) -> None:
        engine = create_engine("sqlite:///:memory:")
        orm.Base.metadata.create_all(engine)
        super().__init__(db=Session(engine), accounts={})

    def get_argument(self, name: str, default: Any = None) -> Any:
        return {"code": "c"}.get(name, default)

    def get_state_cookie(self) -> str:
        return _serialize_state({"state_id": "s", "code_verifier": "v"})

    def find_user(self, name: str) -> FakeUser | None:
        found = orm.User.find(self.db, name)
        return FakeUser(name=name, account=self.accounts.get(name, {})) if found else None

    def add_user(self, name: str) -> None:
        """Do what the hub does with a name that is let in."""
        if not orm.User.find(self.db, name):
            self.db.add(orm.User(name=name))
            self.db.commit()


@pytest.fixture
def github() -> FakeGitHub:
    return FakeGitHub()


@pytest.fixture
def authenticator(github: FakeGitHub) -> GitHubAuthenticator:
    config = Config()
    config.GitHubOAuthenticator.update(
        github_url=GITHUB,
        oauth_callback_url="https://hub.test/hub/oauth_callback",
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


@pytest.fixture
def hub() -> FakeHandler:
    return FakeHandler()


def refresh(authenticator: GitHubAuthenticator, age: float = 300, hub: FakeHandler | None = None) -> Any:
    return asyncio.run(authenticator.refresh_user(FakeUser(name="edwin", age=age), hub or FakeHandler()))


def sign_in(authenticator: GitHubAuthenticator, hub: FakeHandler) -> Any:
    """Sign in whomever GitHub knows; return the hub's name, or None for somebody who is refused."""
    model = asyncio.run(authenticator.get_authenticated_user(hub, None))
    if model:
        hub.add_user(model["name"])
    return model and model["name"]


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
    # A name is nobody's for ever, so it makes nobody administrator.
    authenticator.admin_users = {"edwin"}
    assert refresh(authenticator)["admin"] is False


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
        "auth_state": {"token_response": {"access_token": "t", "token_type": "bearer"}, "github_user": PERSON},
    }
    with pytest.raises(GitHubUnavailableError) as caught:
        asyncio.run(authenticator.check_allowed("edwin", auth_model))
    assert caught.value.status_code == 503


def test_refused_people_read_which_organization(authenticator: GitHubAuthenticator) -> None:
    assert "members of stars," in authenticator.custom_403_message


def test_nobody_is_let_in_by_default() -> None:
    bare = GitHubAuthenticator(client_id="id", client_secret="secret")
    auth_state = {"token_response": {"access_token": "t", "token_type": "bearer"}, "github_user": PERSON}
    assert not asyncio.run(bare.check_allowed("edwin", {"admin": None, "auth_state": auth_state}))


class TestIdentity:
    """A person is the number of an account, whatever login it has."""

    def test_a_name_is_the_login_of_the_first_sign_in(
        self, authenticator: GitHubAuthenticator, github: FakeGitHub, hub: FakeHandler
    ) -> None:
        github.knows("Edwin", 7)
        assert sign_in(authenticator, hub) == "edwin"
        assert sign_in(authenticator, hub) == "edwin"
        assert known_name(hub.db, 7) == "edwin"

    def test_a_renamed_account_keeps_its_name(
        self, authenticator: GitHubAuthenticator, github: FakeGitHub, hub: FakeHandler
    ) -> None:
        github.knows("edwin", 7)
        sign_in(authenticator, hub)
        github.knows("hubble", 7)
        assert sign_in(authenticator, hub) == "edwin"

    def test_a_newcomer_does_not_get_what_belongs_to_an_old_login(
        self, authenticator: GitHubAuthenticator, github: FakeGitHub, hub: FakeHandler
    ) -> None:
        github.knows("edwin", 7)
        assert sign_in(authenticator, hub) == "edwin"
        github.knows("edwin", 8)
        assert sign_in(authenticator, hub) == "edwin.8"
        assert sign_in(authenticator, hub) == "edwin.8"
        github.knows("hubble", 7)
        assert sign_in(authenticator, hub) == "edwin"
        # Control: a login that nobody had is a name.
        github.knows("grace", 9)
        assert sign_in(authenticator, hub) == "grace"

    def test_of_two_who_come_at_once_one_gets_the_name(
        self, authenticator: GitHubAuthenticator, github: FakeGitHub, hub: FakeHandler, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        github.knows("edwin", 8)
        decide = authenticator.check_allowed

        async def meanwhile(*arguments: Any) -> Any:
            hub.db.add(Identity(github_id=7, name="edwin"))
            hub.db.commit()
            return await decide(*arguments)

        monkeypatch.setattr(authenticator, "check_allowed", meanwhile)
        with pytest.raises(HTTPError, match="sign in again"):
            sign_in(authenticator, hub)
        # The hub's only session with its database goes on, and the second attempt ends well.
        monkeypatch.undo()
        assert known_name(hub.db, 8) is None
        assert sign_in(authenticator, hub) == "edwin.8"

    def test_not_even_after_the_first_one_was_deleted(
        self, authenticator: GitHubAuthenticator, github: FakeGitHub, hub: FakeHandler
    ) -> None:
        github.knows("edwin", 7)
        sign_in(authenticator, hub)
        hub.db.delete(orm.User.find(hub.db, "edwin"))
        hub.db.commit()
        github.knows("edwin", 8)
        assert sign_in(authenticator, hub) == "edwin.8"

    @pytest.mark.parametrize(("before", "name"), [(PERSON, "edwin"), (PERSON | {"id": 8}, "edwin.7"), ({}, "edwin.7")])
    def test_somebody_of_before_is_known_by_the_last_sign_in(
        self, authenticator: GitHubAuthenticator, hub: FakeHandler, before: dict[str, Any], name: str
    ) -> None:
        hub.add_user("edwin")
        hub.accounts["edwin"] = before
        assert sign_in(authenticator, hub) == name

    def test_a_renamed_account_stays_signed_in(
        self, authenticator: GitHubAuthenticator, github: FakeGitHub, hub: FakeHandler
    ) -> None:
        github.knows("hubble", 7)
        refreshed = refresh(authenticator, hub=hub)
        assert refreshed["name"] == "edwin"
        # Membership is asked for by the login of now.
        github.answers["/orgs/stars/members/hubble"] = (404, None, {})
        assert refresh(authenticator, hub=hub) is False

    def test_a_session_of_another_account_ends(
        self, authenticator: GitHubAuthenticator, github: FakeGitHub, hub: FakeHandler
    ) -> None:
        hub.db.add(Identity(github_id=7, name="somebody-else"))
        hub.db.commit()
        github.knows("edwin", 7)
        assert refresh(authenticator, hub=hub) is False

    def test_the_hub_makes_the_table_in_a_database_of_before(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/jupyterhub.sqlite"
        engine = orm.new_session_factory(url)().get_bind()
        Identity.__table__.drop(engine)
        assert not inspect(engine).has_table("github_identities")
        assert inspect(orm.new_session_factory(url)().get_bind()).has_table("github_identities")

    def test_whoever_is_refused_leaves_no_trace(
        self, authenticator: GitHubAuthenticator, github: FakeGitHub, hub: FakeHandler
    ) -> None:
        github.knows("mallory", 10, is_member=False)
        assert sign_in(authenticator, hub) is None
        assert known_name(hub.db, 10) is None

    @pytest.mark.parametrize("number", [None, "7", True, 0, -1, 7.0])
    def test_an_account_without_a_number_is_nobody(
        self, authenticator: GitHubAuthenticator, github: FakeGitHub, hub: FakeHandler, number: Any
    ) -> None:
        github.knows("edwin", number)
        with pytest.raises(GitHubUnavailableError):
            sign_in(authenticator, hub)

    @pytest.mark.parametrize("login", ["", "..", "a/b", "edwin.8", "ed win", "édwin", "edwin\n", "e" * 101, None, 7])
    def test_a_login_that_github_does_not_give_is_nobody(
        self, authenticator: GitHubAuthenticator, github: FakeGitHub, hub: FakeHandler, login: Any
    ) -> None:
        github.answers["/user"] = (200, PERSON | {"login": login}, {})
        with pytest.raises(GitHubUnavailableError):
            sign_in(authenticator, hub)

    @pytest.mark.parametrize("trait", ["admin_users", "allowed_users"])
    def test_lists_of_names_are_refused(self, authenticator: GitHubAuthenticator, trait: str) -> None:
        authenticator.check_allow_config()
        setattr(authenticator, trait, {"edwin"})
        with pytest.raises(ValueError, match=f"{trait} would let in whoever takes a login"):
            authenticator.check_allow_config()


class TestSentences:
    """Whoever cannot sign in reads why, and what to do."""

    @pytest.mark.parametrize(
        ("error", "status", "says"),
        [
            ("incorrect_client_credentials", 503, "github_client_secret must be"),
            ("redirect_uri_mismatch", 503, "/hub/oauth_callback"),
            ("bad_verification_code", 400, "start again"),
            ("something_new", 400, "start again"),
        ],
    )
    def test_no_token(
        self,
        authenticator: GitHubAuthenticator,
        github: FakeGitHub,
        hub: FakeHandler,
        error: str,
        status: int,
        says: str,
    ) -> None:
        github.answers[TOKEN] = (200, {"error": error, "error_description": "in GitHub's words"}, {})
        with pytest.raises(HTTPError, match=says) as caught:
            sign_in(authenticator, hub)
        assert caught.value.status_code == status
        assert "GitHub's words" not in str(caught.value)

    def test_an_app_that_github_does_not_know(
        self, authenticator: GitHubAuthenticator, github: FakeGitHub, hub: FakeHandler
    ) -> None:
        github.answers[TOKEN] = (404, {"error": "Not Found"}, {})
        with pytest.raises(HTTPError, match="github_client_id"):
            sign_in(authenticator, hub)

    def test_an_organization_that_github_does_not_know(
        self, authenticator: GitHubAuthenticator, github: FakeGitHub, hub: FakeHandler
    ) -> None:
        github.knows("mallory", 10, is_member=False)
        assert sign_in(authenticator, hub) is None
        github.answers["/orgs/stars"] = (404, {"message": "Not Found"}, {})
        with pytest.raises(HTTPError, match="members of stars, but GitHub knows no organization") as caught:
            sign_in(authenticator, hub)
        assert caught.value.status_code == 403

    @pytest.mark.parametrize("fault", [(503, {}, {}), (200, b"<html>", {}), LIMIT, HTTPClientError(599, "Timeout")])
    @pytest.mark.parametrize("where", [TOKEN, "/user", "/user/teams"])
    def test_an_outage_while_signing_in(
        self, authenticator: GitHubAuthenticator, github: FakeGitHub, hub: FakeHandler, where: str, fault: Any
    ) -> None:
        good, github.answers[where] = github.answers[where], fault
        with pytest.raises(GitHubUnavailableError, match="Your files are safe"):
            sign_in(authenticator, hub)
        assert known_name(hub.db, 7) is None
        github.answers[where] = good
        assert sign_in(authenticator, hub) == "edwin"


class TestCallback:
    """What GitHub, or a forged link, sends a browser back with."""

    STATE = _serialize_state({"state_id": "s"})

    def end(self, arguments: dict[str, str], cookie: str = STATE) -> None:
        handler = CallbackHandler.__new__(CallbackHandler)
        handler.application = SimpleNamespace(settings={"log": logging.getLogger("tests")})
        handler.get_argument = lambda name, default=None: arguments.get(name, default)
        handler.get_state_cookie = lambda: cookie
        handler.check_arguments()

    def test_the_end_of_what_was_begun_here(self) -> None:
        self.end({"code": "c", "state": self.STATE})

    @pytest.mark.parametrize(
        ("arguments", "cookie"),
        [
            ({"state": STATE}, STATE),
            ({"code": "c"}, STATE),
            ({"code": "c", "state": STATE}, ""),
            ({"code": "c", "state": _serialize_state({"state_id": "foreign"})}, STATE),
            ({"code": "c", "state": "not base64"}, STATE),
            ({"code": "c", "state": "é"}, STATE),
            ({"code": "c", "state": _serialize_state([])}, STATE),
        ],
        ids=["no-code", "no-state", "no-cookie", "foreign", "garbage", "not-ascii", "list"],
    )
    def test_anything_else_is_refused(self, arguments: dict[str, str], cookie: str) -> None:
        with pytest.raises(HTTPError, match="not begun in this browser") as caught:
            self.end(arguments, cookie)
        assert caught.value.status_code == 400

    def test_somebody_who_declined(self) -> None:
        with pytest.raises(HTTPError, match="choose Authorize") as caught:
            self.end({"error": "access_denied", "error_description": "Call 555-0100", "state": self.STATE})
        assert caught.value.status_code == 403
        assert "555" not in str(caught.value)
