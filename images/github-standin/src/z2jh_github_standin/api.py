"""The part of GitHub's REST API that sign-in and membership checks use, under /api/v3 as on GitHub Enterprise."""

from __future__ import annotations

import base64
import binascii
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .directory import Account, Directory, Organization
from .oauth import OAuthServer
from .shapes import Shapes

IMPLIED = {
    "user": {"read:user", "user:email", "user:follow"},
    "admin:org": {"write:org", "read:org"},
    "write:org": {"read:org"},
}
HOURLY_LIMIT = 5000


class APIError(Exception):
    """An answer other than success, as GitHub writes it."""

    def __init__(self, status: int, message: str) -> None:
        """Take the status and the message."""
        super().__init__(message)
        self.status = status

    def response(self) -> Response:
        """Write the answer."""
        body = {"message": str(self), "documentation_url": "https://docs.github.com/rest", "status": str(self.status)}
        return JSONResponse(body, self.status)


@dataclass(frozen=True)
class Caller:
    """Whose token the request carries, and what it may do."""

    account: Account
    granted: frozenset[str]

    def may(self, *scopes: str) -> bool:
        """Tell whether one of the scopes was granted."""
        return any(
            scope == granted or scope in IMPLIED.get(granted, ()) for scope in scopes for granted in self.granted
        )

    def require(self, *scopes: str) -> None:
        """Raise unless one of the scopes was granted."""
        if not self.may(*scopes):
            raise APIError(403, f"The token needs one of these scopes: {', '.join(scopes)}.")


Handler = Callable[[Request, Caller], Awaitable[Response]]


class API:
    """The endpoints."""

    def __init__(self, oauth: OAuthServer, shapes: Shapes, directory: Callable[[], Directory]) -> None:
        """Take the OAuth server, the writer, and a way to get the accounts of the moment."""
        self.oauth = oauth
        self.shapes = shapes
        self.directory = directory
        self._used: dict[int, tuple[int, int]] = {}

    def routes(self) -> list[Route]:
        """List the endpoints."""
        guarded: dict[str, Handler] = {
            "/user": self.user,
            "/user/emails": self.emails,
            "/user/orgs": self.user_orgs,
            "/user/teams": self.user_teams,
            "/user/memberships/orgs/{org}": self.own_membership,
            "/user/{id:int}": self.user_by_id,
            "/users/{login}": self.user_by_login,
            "/orgs/{org}": self.org,
            "/orgs/{org}/members/{login}": self.org_member,
            "/orgs/{org}/memberships/{login}": self.org_membership,
            "/orgs/{org}/teams/{team}/members/{login}": self.team_member,
            "/orgs/{org}/teams/{team}/memberships/{login}": self.team_membership,
        }
        return [
            *(Route(path, self._guard(handler)) for path, handler in guarded.items()),
            Route("/orgs/{org}/public_members/{login}", self.public_member),
            Route("/applications/{client_id}/token", self.check_token, methods=["POST"]),
            Route("/applications/{client_id}/token", self.revoke_token, methods=["DELETE"]),
            Route("/{path:path}", self.nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ]

    def _guard(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            headers: dict[str, str] = {}
            try:
                caller = self._caller(request)
                headers = self._count(caller)
                response = await handler(request, caller)
            except APIError as error:
                response = error.response()
            response.headers.update(headers)
            return response

        return endpoint

    def _caller(self, request: Request) -> Caller:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if not token:
            raise APIError(401, "Requires authentication")
        content = self.oauth.read_token(token.strip()) if kind.lower() in ("bearer", "token") else None
        account = self.directory().accounts.get(content[0]) if content else None
        if content is None or account is None:
            raise APIError(401, "Bad credentials")
        return Caller(account, content[1])

    def _count(self, caller: Caller) -> dict[str, str]:
        hour = int(time.time()) // 3600
        since, used = self._used.get(caller.account.id, (hour, 0))
        used = used + 1 if since == hour else 1
        self._used[caller.account.id] = (hour, used)
        if used > HOURLY_LIMIT:
            raise APIError(403, f"API rate limit exceeded for user ID {caller.account.id}.")
        return {
            "x-oauth-scopes": ", ".join(sorted(caller.granted)),
            "x-ratelimit-limit": str(HOURLY_LIMIT),
            "x-ratelimit-remaining": str(HOURLY_LIMIT - used),
            "x-ratelimit-used": str(used),
            "x-ratelimit-reset": str((hour + 1) * 3600),
            "x-ratelimit-resource": "core",
        }

    def _page(self, request: Request, items: list[Any]) -> Response:
        try:
            size = min(max(int(request.query_params.get("per_page", "30")), 1), 100)
            page = max(int(request.query_params.get("page", "1")), 1)
        except ValueError:
            size, page = 30, 1
        last = math.ceil(len(items) / size) or 1
        relations = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        if page >= last:
            del relations["next"], relations["last"]
        if page == 1:
            del relations["prev"], relations["first"]
        url = f"{self.shapes.url}{request.url.path}"
        links = [
            f'<{url}?{urlencode({"per_page": size, "page": number})}>; rel="{relation}"'
            for relation, number in relations.items()
        ]
        headers = {"link": ", ".join(links)} if links else {}
        return JSONResponse(items[(page - 1) * size : page * size], headers=headers)

    def _account(self, login: str) -> Account:
        account = self.directory().by_login(login)
        if not account:
            raise APIError(404, "Not Found")
        return account

    def _organization(self, request: Request) -> Organization:
        organization = self.directory().organization(request.path_params["org"])
        if not organization:
            raise APIError(404, "Not Found")
        return organization

    async def user(self, _: Request, caller: Caller) -> Response:
        """Say who the token belongs to."""
        return JSONResponse(self.shapes.full_user(caller.account))

    async def user_by_id(self, request: Request, _: Caller) -> Response:
        """Say who has this id, whatever the login is now."""
        account = self.directory().accounts.get(request.path_params["id"])
        if not account:
            raise APIError(404, "Not Found")
        return JSONResponse(self.shapes.full_user(account))

    async def user_by_login(self, request: Request, _: Caller) -> Response:
        """Say who has this login."""
        return JSONResponse(self.shapes.full_user(self._account(request.path_params["login"])))

    async def emails(self, request: Request, caller: Caller) -> Response:
        """List the caller's e-mail addresses; GitHub hides the endpoint from tokens without the scope."""
        if not caller.may("user:email"):
            raise APIError(404, "Not Found")
        return self._page(request, self.shapes.emails(caller.account))

    async def user_orgs(self, request: Request, caller: Caller) -> Response:
        """List the caller's organizations."""
        caller.require("read:org", "user")
        entries = self.directory().organizations_of(caller.account)
        return self._page(request, [self.shapes.organization(entry) for entry in entries])

    async def user_teams(self, request: Request, caller: Caller) -> Response:
        """List the caller's teams."""
        caller.require("read:org", "user")
        return self._page(request, [self.shapes.team(*entry) for entry in self.directory().teams_of(caller.account)])

    async def own_membership(self, request: Request, caller: Caller) -> Response:
        """Say what the caller is in an organization, or is invited to be."""
        caller.require("read:org")
        organization = self._organization(request)
        if caller.account.id not in organization.members | organization.invited:
            raise APIError(404, "Not Found")
        return JSONResponse(self.shapes.membership(organization, caller.account))

    async def org(self, request: Request, _: Caller) -> Response:
        """Describe an organization."""
        return JSONResponse(self.shapes.full_organization(self._organization(request)))

    async def org_member(self, request: Request, caller: Caller) -> Response:
        """Tell members who is a member; send everybody else to the public list, as GitHub does."""
        organization = self._organization(request)
        login = request.path_params["login"]
        if caller.account.id not in organization.members or not caller.may("read:org"):
            location = f"{self.shapes.api}/orgs/{organization.login}/public_members/{login}"
            return Response(status_code=302, headers={"location": location})
        return self._yes_if(self._account(login).id in organization.members)

    async def public_member(self, request: Request) -> Response:
        """Tell anyone who is a member in public."""
        try:
            account = self._account(request.path_params["login"])
            return self._yes_if(account.id in self._organization(request).public_members)
        except APIError as error:
            return error.response()

    async def org_membership(self, request: Request, caller: Caller) -> Response:
        """Describe somebody's membership, to members."""
        caller.require("read:org")
        organization = self._organization(request)
        if caller.account.id not in organization.members:
            raise APIError(403, "You must be a member of the organization to see this.")
        account = self._account(request.path_params["login"])
        if account.id not in organization.members | organization.invited:
            raise APIError(404, "Not Found")
        return JSONResponse(self.shapes.membership(organization, account))

    async def team_member(self, request: Request, caller: Caller) -> Response:
        """Tell members of the organization who is in a team."""
        self._in_team(request, caller)
        return Response(status_code=204)

    async def team_membership(self, request: Request, caller: Caller) -> Response:
        """Describe a team membership, to members of the organization."""
        self._in_team(request, caller)
        url = f"{self.shapes.url}{request.url.path}"
        return JSONResponse({"url": url, "role": "member", "state": "active"})

    def _in_team(self, request: Request, caller: Caller) -> None:
        organization = self._organization(request)
        team = organization.teams.get(request.path_params["team"].lower())
        if (
            team is None
            or not caller.may("read:org")
            or caller.account.id not in organization.members
            or self._account(request.path_params["login"]).id not in team.members
        ):
            raise APIError(404, "Not Found")

    @staticmethod
    def _yes_if(fact: bool) -> Response:
        return Response(status_code=204) if fact else APIError(404, "Not Found").response()

    async def check_token(self, request: Request) -> Response:
        """Tell the app that a token belongs to whether it is still good."""
        try:
            token, account, scopes = await self._app_token(request)
        except APIError as error:
            return error.response()
        return JSONResponse(self.shapes.authorization(account, request.path_params["client_id"], token, scopes))

    async def revoke_token(self, request: Request) -> Response:
        """Revoke a token for the app that it belongs to."""
        try:
            token, _, _ = await self._app_token(request)
        except APIError as error:
            return error.response()
        self.oauth.revoke(token)
        return Response(status_code=204)

    async def _app_token(self, request: Request) -> tuple[str, Account, frozenset[str]]:
        kind, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            client_id = secret = ""
        right = kind.lower() == "basic" and client_id == request.path_params["client_id"]
        if not right or not self.oauth.is_client(client_id, secret):
            raise APIError(401, "Bad credentials")
        try:
            token = (await request.json())["access_token"]
        except (JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
            raise APIError(422, "Validation Failed: access_token is missing") from error
        content = self.oauth.read_token(token) if isinstance(token, str) else None
        account = self.directory().accounts.get(content[0]) if content else None
        if content is None or account is None:
            raise APIError(404, "Not Found")
        return token, account, content[1]

    async def nothing(self, _: Request) -> Response:
        """Answer for every endpoint that GitHub has and this service does not."""
        return APIError(404, "Not Found").response()
