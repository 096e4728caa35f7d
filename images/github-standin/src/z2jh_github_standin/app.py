"""The application: pages, OAuth, API, and what an operator can switch."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from .api import API
from .config import ConfigurationError, Settings
from .directory import Directory
from .faults import Fault
from .oauth import OAuthServer, same
from .pages import Pages
from .shapes import Shapes

log = logging.getLogger(__name__)
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "strict-transport-security": "max-age=86400",
}


class Service:
    """The state that an operator can switch while the service runs, and the endpoints for that."""

    def __init__(self, settings: Settings) -> None:
        """Read the accounts, with no fault switched on."""
        self.settings = settings
        self.fault = Fault()
        try:
            self.directory = Directory.parse(settings.accounts_file.read_bytes())
        except OSError as error:
            raise ConfigurationError(f"The accounts file can't be read: {error}.") from error
        self.oauth = OAuthServer(settings)

    def _is_operator(self, request: Request) -> bool:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and same(token, self.settings.operator_token)

    async def faults(self, request: Request) -> Response:
        """Show or switch the fault."""
        if not self._is_operator(request):
            return JSONResponse({"message": "Send the operator token as a bearer token."}, 401)
        if request.method == "POST":
            try:
                self.fault = Fault.parse(await request.json())
            except ValueError as error:
                return JSONResponse({"message": f"Not understood: {error}."}, 422)
            log.warning("fault switched: %s", self.fault)
        return JSONResponse(self.fault.describe())

    async def accounts(self, request: Request) -> Response:
        """Show the accounts, or replace them until the next start: a member leaves, a login is renamed."""
        if not self._is_operator(request):
            return JSONResponse({"message": "Send the operator token as a bearer token."}, 401)
        if request.method == "PUT":
            try:
                self.directory = Directory.parse(await request.body())
            except ConfigurationError as error:
                return JSONResponse({"message": str(error)}, 422)
            log.warning("accounts replaced")
        return JSONResponse(self.directory.document)

    async def dispatch(self, request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """Add the common headers, and let the switched fault strike."""
        path = request.url.path
        target = "api" if path.startswith("/api/") else "token" if path == "/login/oauth/access_token" else ""
        response = await self.fault.strike(target) if target else None
        response = response or await call_next(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response


async def healthz(_: Request) -> Response:
    """Tell the kubelet that the service answers, whatever fault is switched on."""
    return PlainTextResponse("ok\n")


def create_app(settings: Settings) -> Starlette:
    """Put the service together; raises ConfigurationError when it may not or can't run."""
    service = Service(settings)
    shapes = Shapes(settings.url)
    api = API(service.oauth, shapes, lambda: service.directory)
    pages = Pages(settings, service.oauth, lambda: service.directory, lambda: service.fault)
    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/_faults", service.faults, methods=["GET", "POST"]),
            Route("/_accounts", service.accounts, methods=["GET", "PUT"]),
            Route("/login/oauth/access_token", service.oauth.token, methods=["POST"]),
            Mount("/api/v3", routes=api.routes()),
            *pages.routes(),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=service.dispatch)],
    )
