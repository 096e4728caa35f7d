"""What the gateway answers by what the hub says of a token; the hub is a real server that answers as told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

pytest.importorskip("dask_gateway_server")
from aiohttp import web
from aiohttp.test_utils import TestServer, make_mocked_request
from traitlets.config import Config

from z2jh_dask_gateway.auth import HubAuthenticator

EDWIN = {"kind": "user", "name": "edwin", "scopes": ["access:services!service=dask-gateway"]}
# By token: the status of the hub's answer, and what it knows.
KNOWN = {"good": (200, EDWIN), "narrow": (200, EDWIN | {"scopes": []}), "gone": (404, {}), "broken": (503, {})}


@pytest.fixture
async def authenticator() -> AsyncIterator[HubAuthenticator]:
    async def user(request: web.Request) -> web.Response:
        status, body = KNOWN.get(request.headers["Authorization"].removeprefix("token "), (403, {}))
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_get("/hub/api/user", user)
    async with TestServer(app) as hub:
        config = Config()
        config.JupyterHubAuthenticator.jupyterhub_api_url = str(hub.make_url("/hub/api"))
        config.JupyterHubAuthenticator.jupyterhub_api_token = "the gateway's"
        config.JupyterHubAuthenticator.jupyterhub_service_name = "dask-gateway"
        made = HubAuthenticator(config=config)
        await made.setup(None)
        yield made
        await made.cleanup()


async def ask(authenticator: HubAuthenticator, header: str | None) -> str:
    """Return who asks, or the kind of the refusal."""
    headers = {} if header is None else {"Authorization": header}
    try:
        return str((await authenticator.authenticate(make_mocked_request("GET", "/", headers=headers))).name)
    except web.HTTPException as refusal:
        return type(refusal).__name__


@pytest.mark.parametrize(
    ("header", "answer"),
    [
        ("jupyterhub good", "edwin"),
        ("jupyterhub narrow", "HTTPUnauthorized"),
        ("jupyterhub wrong", "HTTPUnauthorized"),
        ("jupyterhub gone", "HTTPUnauthorized"),
        ("jupyterhub", "HTTPUnauthorized"),
        ("jupyterhub ", "HTTPUnauthorized"),
        ("token good", "HTTPUnauthorized"),
        (None, "HTTPUnauthorized"),
        ("jupyterhub broken", "HTTPBadGateway"),
    ],
)
async def test_who_asks(authenticator: HubAuthenticator, header: str | None, answer: str) -> None:
    assert await ask(authenticator, header) == answer
