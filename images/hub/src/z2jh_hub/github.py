"""Signing in with GitHub, where a login is not an identity and an outage of GitHub is not a verdict on anybody."""

from __future__ import annotations

import re
import time
from typing import Any

from jupyterhub.handlers import BaseHandler
from jupyterhub.orm import APIToken
from jupyterhub.utils import new_token
from oauthenticator.github import GitHubOAuthenticator
from oauthenticator.oauth2 import STATE_COOKIE_NAME, OAuthCallbackHandler, OAuthLoginHandler, OAuthLogoutHandler
from tornado.httpclient import HTTPClientError, HTTPResponse
from tornado.web import HTTPError
from traitlets import Integer, default

from .identity import bind, is_bound, known_name, new_name
from .origins import SpawnHandler, is_of_hub, is_page

# What parsing an answer that is not GitHub's raises.
NONSENSE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
# What GitHub lets a login be made of, that of managed users included.
LOGIN = re.compile(r"[A-Za-z0-9_-]{1,100}")
# Where a person's auth_state has the time of GitHub's last confirmation.
CONFIRMED = "confirmed_at"
NOBODY_SIGNS_IN = "so nobody can sign in. Please tell your operator"
# By the error that GitHub names: a status, and what a person reads.
REFUSALS = {
    "access_denied": (
        403,
        "You did not let this hub know you on GitHub, so you are not signed in. "
        "To sign in, start again and choose Authorize on GitHub's page.",
    ),
    "bad_verification_code": (
        400,
        "This sign-in was used already or took too long. Please start again from the sign-in page.",
    ),
    "incorrect_client_credentials": (
        503,
        f"GitHub refuses this hub's own credentials, {NOBODY_SIGNS_IN}: "
        "github_client_id and github_client_secret must be those of the hub's OAuth app.",
    ),
    "redirect_uri_mismatch": (
        503,
        f"GitHub has another callback address for this hub, {NOBODY_SIGNS_IN}: "
        "the callback URL of the OAuth app must be the hub's address followed by /hub/oauth_callback.",
    ),
}
ENDED = (400, "GitHub ended this sign-in without saying who you are. Please start again from the sign-in page.")
NOT_BEGUN_HERE = (
    "This sign-in was not begun in this browser, or long ago. "
    "Please start again from the sign-in page, and allow cookies for this hub."
)


class GitHubUnavailableError(HTTPError):  # type: ignore[misc, unused-ignore]
    """GitHub gave no usable answer, so nothing is known about the person."""

    def __init__(self, detail: str, *, is_rate_limit: bool = False) -> None:
        self.is_rate_limit = is_rate_limit
        super().__init__(
            503,
            "GitHub does not answer properly just now (%s). Your files are safe, and notebooks that run keep running. "
            "Please sign in again in a few minutes.",
            detail,
        )


def is_outage(response: HTTPResponse | None, code: int) -> bool:
    """Say whether an HTTP status tells about GitHub's state rather than about the request.

    A 403 can be either: GitHub uses it for its rate limits too, which say so in
    their headers or, for the secondary limits, at times only in their message.
    """
    if code == 429 or code >= 500:
        return True
    if code != 403 or response is None:
        return False
    headers = response.headers
    limited = headers.get("X-RateLimit-Remaining") == "0" or "Retry-After" in headers
    return limited or b"rate limit" in (response.body or b"").lower()


def refusal(error: str) -> HTTPError:
    """Return the answer to a sign-in that GitHub ended; what GitHub or a forged link says is not repeated."""
    status, sentence = REFUSALS.get(error, ENDED)
    return HTTPError(status, sentence)


def account_of(auth_model: dict[str, Any]) -> tuple[int, str]:
    """Return the number and login of a GitHub account; raise ValueError if that is not what they are."""
    account = auth_model["auth_state"]["github_user"]
    number, login = account["id"], account["login"]
    if type(number) is not int or number < 1 or not isinstance(login, str) or not LOGIN.fullmatch(login):
        raise ValueError(f"no account of GitHub has id {number!r} and login {login!r}")
    return number, login.lower()


class SignInHandler(BaseHandler):  # type: ignore[misc, unused-ignore]
    """What both ends of a sign-in have in common: no page of a person's server has a part in it."""

    async def prepare(self) -> None:
        """Raise HTTPError at the host name of a person's server, which leads here while that does not run."""
        await super().prepare()
        if self.subdomain_host and self.request.host_name != self.domain:
            raise HTTPError(404, "Nobody signs in at this address. Please go to %s.", self.subdomain_host)

    @property
    def state_cookie(self) -> str:
        """The cookie of a sign-in that was begun; with the prefix, no page of another host name can set it."""
        prefix = "__Host-" if self.settings.get("cookie_host_prefix_enabled") else ""
        return f"{prefix}{STATE_COOKIE_NAME}"


class LoginHandler(SignInHandler, OAuthLoginHandler):  # type: ignore[misc, unused-ignore]
    """Where people are sent to GitHub from."""

    def set_state_cookie(self, state_cookie_value: str) -> None:
        """Remember a sign-in in the browser that begins it."""
        self._set_cookie(self.state_cookie, state_cookie_value, expires_days=1)


class CallbackHandler(SignInHandler, OAuthCallbackHandler):  # type: ignore[misc, unused-ignore]
    """Where GitHub sends people back to; it says in plain words why a sign-in ends here."""

    _state_cookie: str | None = None

    def get_state_cookie(self) -> str:
        """Return what `LoginHandler` remembered, or nothing; it counts once."""
        if self._state_cookie is None:
            self._state_cookie = (self.get_secure_cookie(self.state_cookie) or b"").decode("utf8", "replace")
            self.clear_cookie(self.state_cookie, secure=self.state_cookie.startswith("__Host-"))
        return self._state_cookie

    def check_arguments(self) -> None:
        """Raise HTTPError unless this is the end of a sign-in that this browser began."""
        if error := self.get_argument("error", ""):
            self.log.warning("GitHub ended a sign-in: %.64r", error)
            raise refusal(error)
        try:
            super().check_arguments()
        except (HTTPError, *NONSENSE) as problem:
            self.log.warning("Refused the end of a sign-in: %.200s", problem)
            raise HTTPError(400, NOT_BEGUN_HERE) from problem


class LogoutHandler(OAuthLogoutHandler):  # type: ignore[misc, unused-ignore]
    """Where people sign out: of every browser at once, so that no copy of the hub's cookie counts afterwards."""

    async def get(self) -> None:
        """Sign out; raise HTTPError if another page asks, which means harm, unless JupyterLab's Log Out led here."""
        site = self.request.headers.get("Sec-Fetch-Site")
        if not is_of_hub(self.request) and not (site == "same-site" and is_page(self.request)):
            raise HTTPError(
                403, "Another page asked to sign you out. If you want to, use the button on the hub's pages."
            )
        await super().get()

    async def handle_logout(self) -> None:
        """End what JupyterHub leaves: the cookie's other copies, and sign-ins to servers from other browsers."""
        await super().handle_logout()
        if not (user := self.current_user):
            return
        user.orm_user.cookie_id = new_token()
        # A server's own token, and those that people make, belong to no browser's session.
        for token in self.db.query(APIToken).filter(APIToken.user_id == user.id, APIToken.session_id.is_not(None)):
            self.db.delete(token)
        self.db.commit()


class GitHubAuthenticator(GitHubOAuthenticator):  # type: ignore[misc, unused-ignore]
    """GitHub sign-in that knows people by their account's number and checks membership while they are signed in."""

    login_handler = LoginHandler
    callback_handler = CallbackHandler
    logout_handler = LogoutHandler

    outage_seconds = Integer(
        12 * 3600,
        min=0,
        help="How long after GitHub's last confirmation a person stays signed in while GitHub does not answer.",
    ).tag(config=True)
    # A person can use up the limit of his own token, so this must not be as long as an outage.
    rate_limit_seconds = Integer(
        3600,
        min=0,
        max=3600,
        help="The same while GitHub answers that the person's token asked too often; never more than an hour.",
    ).tag(config=True)

    @default("custom_403_message")  # type: ignore[untyped-decorator, misc, unused-ignore]
    def _custom_403_message_default(self) -> str:
        wanted = " or ".join(sorted(self.allowed_organizations)) or "an allowed organization"
        return (
            f"GitHub knows you, but this hub is for members of {wanted}, and GitHub does not list your account there. "
            "Ask an owner of the organization to invite you; if you are invited, accept on GitHub, then sign in again. "
            "Members who see this: the organization may still have to approve this hub's access."
        )

    def get_handlers(self, app: Any) -> list[tuple[str, type[Any]]]:
        """Return the pages of a sign-in, and those that take the place of JupyterHub's own."""
        starts = [(path, SpawnHandler) for path in (r"/spawn", r"/spawn/([^/]+)", r"/spawn/([^/]+)/([^/]+)")]
        return [*super().get_handlers(app), *starts]

    async def httpfetch(
        self,
        url: str,
        label: str = "fetching",
        parse_json: bool = True,
        raise_error: bool = True,
        **kwargs: Any,
    ) -> Any:
        """Fetch from GitHub; raise `GitHubUnavailableError` where the answer says nothing about the person."""
        try:
            answer = await super().httpfetch(url, label=label, parse_json=parse_json, raise_error=raise_error, **kwargs)
        except HTTPClientError as error:
            if is_outage(error.response, error.code):
                detail = f"status {error.code} while {label}"
                raise GitHubUnavailableError(detail, is_rate_limit=error.code < 500) from error
            raise
        except (OSError, ValueError) as error:
            raise GitHubUnavailableError(f"{type(error).__name__} while {label}") from error
        if isinstance(answer, HTTPResponse) and is_outage(answer, answer.code):
            raise GitHubUnavailableError(f"status {answer.code} while {label}", is_rate_limit=answer.code < 500)
        if url == self.token_url and isinstance(answer, dict) and "error" in answer:
            self.log.error("GitHub gave no token: %.200r", answer)
            raise refusal(str(answer["error"]))
        return answer

    def check_allow_config(self) -> None:
        """Refuse lists of names: whoever takes the login of a person on one would be let in, or be administrator."""
        super().check_allow_config()
        named = [name for name in ("admin_users", "allowed_users", "allow_existing_users") if getattr(self, name)]
        if named:
            raise ValueError(
                f"{' and '.join(named)} would let in whoever takes a login that was renamed: "
                "name organizations in allowed_organizations and teams in admin_groups or roles."
            )

    async def authenticate(self, handler: Any, data: Any = None, **kwargs: Any) -> Any:
        """Sign a person in; an answer that makes no sense is an outage, not an internal error."""
        try:
            auth_model = await super().authenticate(handler, data, **kwargs)
            github_id, login = account_of(auth_model)
        except HTTPClientError as error:
            # GitHub hides from an app that it does not know even where tokens are given.
            self.log.error("GitHub refused a sign-in: %s", error)
            raise refusal("incorrect_client_credentials" if error.code == 404 else "") from error
        except NONSENSE as error:
            self.log.exception("GitHub sent something unexpected")
            raise GitHubUnavailableError("its answer made no sense") from error
        auth_model["name"] = await self._name_of(handler, github_id, login)
        return auth_model

    async def _name_of(self, handler: Any, github_id: int, login: str) -> str:
        """Return the hub's name for an account: the one it has, or a new one."""
        if known := known_name(handler.db, github_id):
            return known
        # Somebody who signed in before this hub remembered numbers is known by the last sign-in.
        user = None if is_bound(handler.db, login) else handler.find_user(login)
        before = ((await user.get_auth_state()) or {}).get("github_user", {}) if user else {}
        return login if before.get("id") == github_id else new_name(handler.db, github_id, login)

    async def run_post_auth_hook(self, handler: Any, auth_model: Any) -> Any:
        """Remember the name of an account once it is let in."""
        auth_model = await super().run_post_auth_hook(handler, auth_model)
        # Who is let in, and as an administrator, was decided by that name: somebody who lost it meanwhile begins again.
        if auth_model and bind(handler.db, account_of(auth_model)[0], auth_model["name"]) != auth_model["name"]:
            raise HTTPError(409, "This name was given away while you signed in. Please sign in again.")
        return auth_model

    async def check_allowed(self, username: str, auth_model: dict[str, Any]) -> bool:
        """Say whether somebody who signs in may; raise HTTPError if the fault is the hub's, which lets nobody in."""
        if await self._is_allowed(auth_model):
            return True
        token = auth_model["auth_state"]["token_response"]
        for organization in sorted({entry.partition(":")[0] for entry in self.allowed_organizations}):
            answer = await self.httpfetch(
                f"{self.github_api}/orgs/{organization}",
                f"looking for organization {organization}",
                parse_json=False,
                raise_error=False,
                headers=self.build_userdata_request_headers(token["access_token"], token["token_type"]),
                validate_cert=self.validate_server_cert,
            )
            if answer.code == 404:
                raise HTTPError(
                    403,
                    "This hub is for members of %s, but GitHub knows no organization of that name. "
                    "Please tell your operator: github_allowed_organizations must name it as GitHub's addresses do.",
                    organization,
                )
        return False

    async def _is_allowed(self, auth_model: dict[str, Any]) -> bool:
        """Ask GitHub, which knows people by their present login."""
        return bool(await super().check_allowed(account_of(auth_model)[1], auth_model))

    async def get_user_groups(self, auth_state: dict[str, Any]) -> set[str]:
        """Return a person's teams as `organization:team`, the form of allowed_organizations."""
        teams = auth_state.get("teams") or []
        return {f"{team['organization']['login']}:{team['slug']}" for team in teams}

    async def update_auth_model(self, auth_model: dict[str, Any]) -> Any:
        """Note when GitHub answered, and say that nobody is administrator but by a team, which is looked at later.

        Where nothing is said, the hub leaves those administrators whom it made by earlier settings.
        """
        updated = await super().update_auth_model(auth_model)
        updated["admin"] = False
        updated["auth_state"][CONFIRMED] = time.time()
        return updated

    async def refresh_user(self, user: Any, handler: Any = None, **kwargs: Any) -> Any:
        """Refresh a signed-in person: out when GitHub says so, in for a bounded time while GitHub says nothing."""
        try:
            refreshed = await super().refresh_user(user, handler, **kwargs)
            if not isinstance(refreshed, dict):
                return refreshed
            github_id, _ = account_of(refreshed)
            is_allowed = await self._is_allowed(refreshed)
        except (GitHubUnavailableError, *NONSENSE) as error:
            return await self._stays(user, error)
        if not is_allowed:
            self.log.warning("%s is no longer a member and has to sign in again", user.name)
            return False
        name = bind(handler.db, github_id, user.name)
        if name != user.name:
            self.log.error("The account behind %s is that of %s", user.name, name or "nobody")
            return False
        refreshed["name"] = name
        return refreshed

    async def _stays(self, user: Any, error: Exception) -> bool:
        """Say whether GitHub confirmed a person lately enough to do without an answer now."""
        bound = self.outage_seconds
        if isinstance(error, GitHubUnavailableError) and error.is_rate_limit:
            bound = min(bound, self.rate_limit_seconds)
        age = time.time() - ((await user.get_auth_state()) or {}).get(CONFIRMED, 0)
        stays = age < bound
        outcome = "stays signed in" if stays else "has to sign in again"
        self.log.warning(
            "GitHub cannot confirm %s, last confirmed %d s ago, who %s: %s", user.name, age, outcome, error
        )
        return bool(stays)
