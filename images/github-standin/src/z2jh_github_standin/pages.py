"""What a person sees: choosing a demonstration account, and authorizing the hub."""

from __future__ import annotations

import html
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from .config import Settings
from .directory import Account, Directory
from .faults import Fault
from .oauth import InvalidClientError, OAuth2Error, OAuthServer, same
from .sealing import Seal

# The prefix makes browsers refuse the cookie from anywhere but this host over https.
COOKIE = "__Host-github-standin"
SESSION_SECONDS = 8 * 3600
SCOPE_WORDS = {
    "read:org": "see the organizations and teams you belong to",
    "read:user": "read your profile",
    "user:email": "read your e-mail addresses",
    "user": "read and change your profile",
}
COLOURS = ("#0b5d7a", "#7a3b0b", "#3d5a1e", "#6b2f6b", "#1f4e9c", "#8a2846")


class Pages:
    """The pages and the forms on them."""

    def __init__(
        self,
        settings: Settings,
        oauth: OAuthServer,
        directory: Callable[[], Directory],
        fault: Callable[[], Fault],
    ) -> None:
        """Take what the pages show."""
        self.settings = settings
        self.oauth = oauth
        self.directory = directory
        self.fault = fault
        self._cookies = Seal(settings.client_secret, "cookie")
        self._templates = Environment(
            loader=PackageLoader(__package__ or "z2jh_github_standin"), autoescape=True, undefined=StrictUndefined
        )
        callback = urlsplit(settings.callback_url)
        self.hub = f"{callback.scheme}://{callback.netloc}"
        # Browsers apply form-action to each redirect after a form too: to the hub, and on to the host name of a server
        # that runs.
        self._policy = (
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action 'self' {self.hub} {callback.scheme}://*.{callback.netloc}"
        )

    def routes(self) -> list[Route | Mount]:
        """List the pages."""
        return [
            Route("/", self.index),
            Route("/login/oauth/authorize", self.authorize, methods=["GET"]),
            Route("/login/oauth/authorize", self.decide, methods=["POST"]),
            Route("/session", self.sign_in, methods=["POST"]),
            Route("/avatars/u/{id:int}", self.avatar),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
            Route("/{login}", self.profile),
        ]

    def _session(self, request: Request) -> dict[str, Any]:
        opened = self._cookies.open(request.cookies.get(COOKIE, ""), SESSION_SECONDS)
        return opened or {"form": secrets.token_urlsafe(24), "account": None}

    def _keep(self, response: Response, session: dict[str, Any]) -> Response:
        value = self._cookies.close(session)
        response.set_cookie(
            COOKIE, value, max_age=SESSION_SECONDS, path="/", secure=True, httponly=True, samesite="lax"
        )
        return response

    def _render(self, template: str, status: int = 200, **values: Any) -> Response:
        page = self._templates.get_template(template).render(
            hub=self.hub, scope_words=SCOPE_WORDS, fault=self.fault(), **values
        )
        headers = {"content-security-policy": self._policy, "cache-control": "no-store"}
        return HTMLResponse(page, status, headers)

    def _refuse(self, title: str, reason: str, remedy: str, status: int = 400) -> Response:
        return self._render("problem.html", status, title=title, reason=reason, remedy=remedy)

    def _refuse_request(self, error: OAuth2Error, request: Request) -> Response:
        """Explain what is wrong with how the hub sent the browser here. Never redirects to an unknown address."""
        if isinstance(error, InvalidClientError):
            return self._refuse(
                "This application is not registered",
                "The hub sent a client id that this stand-in does not know.",
                "An operator can run the play again: it gives both the same client id.",
                404,
            )
        if request.query_params.get("redirect_uri", self.settings.callback_url) != self.settings.callback_url:
            return self._refuse(
                "The callback address does not match",
                f"The hub wants you back at another address than the registered {self.settings.callback_url}.",
                "An operator can check hub_hostname and hub_port in the settings and run the play again.",
            )
        return self._refuse(
            "This sign-in request is not complete",
            f"The hub's request was refused: {error.get_error_description() or error.error}.",
            "Go back to the hub and start again from its sign-in page.",
        )

    async def index(self, _: Request) -> Response:
        """Say what this is and who is in it."""
        return self._render("index.html", people=self._people())

    async def profile(self, request: Request) -> Response:
        """Lead from an account's page address to its entry on the first page."""
        account = self.directory().by_login(request.path_params["login"])
        if not account:
            return self._refuse("There is no such page", "This stand-in has few pages.", "Start from the hub.", 404)
        return RedirectResponse(f"/#{account.login}", 302)

    def _people(self) -> list[dict[str, Any]]:
        directory = self.directory()
        return [
            {
                "account": account,
                "groups": [entry.login for entry in directory.organizations_of(account)],
                "teams": [team.slug for _, team in directory.teams_of(account)],
            }
            for account in directory.accounts.values()
        ]

    async def authorize(self, request: Request) -> Response:
        """Ask who it is, or once that is known, whether the hub may know it."""
        try:
            grant = self.oauth.check_authorization(request)
        except OAuth2Error as error:
            return self._refuse_request(error, request)
        session = self._session(request)
        account = self._signed_in(session)
        values = {"query": request.url.query, "form": session["form"]}
        if account is None:
            return self._keep(self._render("login.html", people=self._people(), **values), session)
        scopes = (grant.request.scope or "").split()
        return self._keep(self._render("authorize.html", account=account, scopes=scopes, **values), session)

    def _signed_in(self, session: dict[str, Any]) -> Account | None:
        return self.directory().accounts.get(session["account"])

    async def _form(self, request: Request, session: dict[str, Any]) -> dict[str, str] | None:
        """Read a form of ours; None when it comes from another site or a page that is too old."""
        try:
            form = dict(parse_qsl((await request.body()).decode(), max_num_fields=20))
        except ValueError:
            return None
        return form if same(form.get("form", ""), session["form"]) else None

    def _stale(self) -> Response:
        return self._refuse(
            "This page is too old",
            "The form did not come from a page that this browser opened here in the last hours.",
            "Go back to the hub, start again from its sign-in page, and allow cookies.",
            403,
        )

    async def sign_in(self, request: Request) -> Response:
        """Take the chosen account (or none, to choose again) and go back to the authorize page."""
        form = await self._form(request, self._session(request))
        if form is None:
            return self._stale()
        account = self.directory().by_login(form.get("login", ""))
        # A new form value with each sign-in, so that nothing known before it is worth anything after it.
        session = {"form": secrets.token_urlsafe(24), "account": account.id if account else None}
        # Only the query comes from the form: the path is ours, so this can't lead anywhere else.
        return self._keep(RedirectResponse(f"/login/oauth/authorize?{form.get('query', '')}", 303), session)

    async def decide(self, request: Request) -> Response:
        """Send the browser back to the hub: with a code, or with the news that the person declined."""
        session = self._session(request)
        form = await self._form(request, session)
        account = self._signed_in(session)
        if form is None or account is None:
            return self._stale()
        try:
            return self.oauth.authorize(request, account if form.get("decision") == "authorize" else None)
        except OAuth2Error as error:
            return self._refuse_request(error, request)

    async def avatar(self, request: Request) -> Response:
        """Draw an account's initials."""
        number = request.path_params["id"]
        account = self.directory().accounts.get(number)
        initials = "".join(word[0] for word in account.name.split()[:2]).upper() if account else "·"
        image = (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" width="48" height="48">'
            f'<circle cx="24" cy="24" r="24" fill="{COLOURS[number % len(COLOURS)]}"/>'
            '<text x="24" y="24" fill="#fff" font-family="sans-serif" font-size="18" text-anchor="middle" '
            f'dominant-baseline="central">{html.escape(initials)}</text></svg>'
        )
        headers = {"content-security-policy": "default-src 'none'", "cache-control": "max-age=3600"}
        return Response(image, media_type="image/svg+xml", headers=headers)
