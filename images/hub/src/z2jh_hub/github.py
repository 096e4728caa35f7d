"""Signing in with GitHub, where an outage of GitHub is not a verdict on anybody."""

from __future__ import annotations

import time
from typing import Any

from oauthenticator.github import GitHubOAuthenticator
from tornado.httpclient import HTTPClientError, HTTPResponse
from tornado.web import HTTPError
from traitlets import Integer, default

# What parsing an answer that is not GitHub's raises.
NONSENSE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
# Where a person's auth_state has the time of GitHub's last confirmation.
CONFIRMED = "confirmed_at"


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


class GitHubAuthenticator(GitHubOAuthenticator):  # type: ignore[misc, unused-ignore]
    """GitHub sign-in that checks membership again while a person is signed in."""

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
        return answer

    async def authenticate(self, handler: Any, data: Any = None, **kwargs: Any) -> Any:
        """Sign a person in; an answer that makes no sense is an outage, not an internal error."""
        try:
            return await super().authenticate(handler, data, **kwargs)
        except NONSENSE as error:
            self.log.exception("GitHub sent something unexpected")
            raise GitHubUnavailableError("its answer made no sense") from error

    async def get_user_groups(self, auth_state: dict[str, Any]) -> set[str]:
        """Return a person's teams as `organization:team`, the form of allowed_organizations."""
        teams = auth_state.get("teams") or []
        return {f"{team['organization']['login']}:{team['slug']}" for team in teams}

    async def update_auth_model(self, auth_model: dict[str, Any]) -> Any:
        """Note when GitHub answered, and say of everybody who is no administrator that he is none.

        Where nothing is said, the hub leaves those administrators whom it made by earlier settings.
        """
        updated = await super().update_auth_model(auth_model)
        updated["admin"] = bool(updated["admin"])
        updated["auth_state"][CONFIRMED] = time.time()
        return updated

    async def refresh_user(self, user: Any, handler: Any = None, **kwargs: Any) -> Any:
        """Refresh a signed-in person: out when GitHub says so, in for a bounded time while GitHub says nothing."""
        try:
            refreshed = await super().refresh_user(user, handler, **kwargs)
            if isinstance(refreshed, dict) and not await self.check_allowed(refreshed["name"], refreshed):
                self.log.warning("%s is no longer a member and has to sign in again", user.name)
                return False
        except (GitHubUnavailableError, *NONSENSE) as error:
            return await self._stays(user, error)
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
