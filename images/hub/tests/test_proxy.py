"""A proxy that restarts, and so forgets: its routes are given again without anybody asking."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub.proxy import ConfigurableHTTPProxy
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from z2jh_hub.proxy import RestoringProxy

ROUTE = "/user/edwin"


class Routes(RequestHandler):
    """The API of a proxy that holds the routes it was given."""

    def get(self, path: str) -> None:
        routes = self.settings["routes"]
        self.settings["asked"].append(path)
        self.set_status(200 if path in routes else 404)


@pytest.fixture
async def chp() -> AsyncIterator[Any]:
    """Run such an API; `routes` is what it holds, `asked` what it was asked for."""
    listener, port = bind_unused_port()
    application = Application([("/api/routes(/.*)", Routes)], routes={ROUTE}, asked=[])
    server = HTTPServer(application)
    server.add_socket(listener)
    yield SimpleNamespace(url=f"http://127.0.0.1:{port}", server=server, **application.settings)
    server.stop()


@pytest.fixture
async def proxy(chp: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """Return the proxy as the hub has it, where to compare all routes is to give the one that there is."""

    async def compare(*_: Any) -> None:
        chp.routes.add(ROUTE)

    monkeypatch.setattr(ConfigurableHTTPProxy, "check_routes", compare)
    spawner = SimpleNamespace(ready=True, proxy_spec=f"{ROUTE}/")
    app = SimpleNamespace(users={1: SimpleNamespace(spawners={"": spawner})}, _service_map={})
    made = RestoringProxy(app=app, api_url=chp.url, auth_token="secret", watch_seconds=0.1)
    await made.check_routes(app.users, {})
    yield made
    made._watch.stop()


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_what_it_forgot_comes_back(chp: Any, proxy: Any) -> None:
    chp.routes.clear()
    await until(lambda: chp.routes)
    assert chp.routes == {ROUTE}


async def test_what_it_knows_is_left_alone(chp: Any, proxy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[Any] = []

    async def compare(*arguments: Any) -> None:
        compared.append(arguments)

    monkeypatch.setattr(ConfigurableHTTPProxy, "check_routes", compare)
    await until(lambda: len(chp.asked) > 2)
    assert not compared


async def test_while_nobody_has_a_server_it_is_not_asked(chp: Any, proxy: Any) -> None:
    proxy.app.users[1].spawners[""].ready = False
    await proxy._look()
    chp.asked.clear()
    await proxy._look()
    assert not chp.asked


async def test_one_that_is_away_is_asked_again(chp: Any, proxy: Any) -> None:
    chp.server.stop()
    await chp.server.close_all_connections()
    assert await proxy._knows(f"{ROUTE}/")
