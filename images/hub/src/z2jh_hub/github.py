"""Signing in with GitHub, where an outage of GitHub is not a verdict on anybody."""

from __future__ import annotations

from typing import Any

from oauthenticator.github import GitHubOAuthenticator
from tornado.httpclient import HTTPClientError, HTTPResponse
from tornado.web import HTTPError
from traitlets import default

# What parsing an answer that is not GitHub's raises.
NONSENSE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class GitHubUnavailableError(HTTPError):  # type: ignore[misc, unused-ignore]
    """GitHub gave no usable answer, so nothing is known about the person."""

    def __init__(self, detail: str) -> None:
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
                raise GitHubUnavailableError(f"status {error.code} while {label}") from error
            raise
        except (OSError, ValueError) as error:
            raise GitHubUnavailableError(f"{type(error).__name__} while {label}") from error
        if isinstance(answer, HTTPResponse) and is_outage(answer, answer.code):
            raise GitHubUnavailableError(f"status {answer.code} while {label}")
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

    async def refresh_user(self, user: Any, handler: Any = None, **kwargs: Any) -> Any:
        """Refresh a signed-in person: out when GitHub says so, in while GitHub says nothing."""
        try:
            refreshed = await super().refresh_user(user, handler, **kwargs)
            if isinstance(refreshed, dict) and not await self.check_allowed(refreshed["name"], refreshed):
                self.log.warning("%s is no longer a member and has to sign in again", user.name)
                return False
        except (GitHubUnavailableError, *NONSENSE) as error:
            self.log.warning("GitHub cannot confirm %s now, who stays signed in: %s", user.name, error)
            return True
        return refreshed
