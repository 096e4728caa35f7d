"""Serve the routes of Dask clusters to the gateway's own proxy.

The Kubernetes backend writes an IngressRoute and an IngressRouteTCP for each cluster; with no Traefik to read them,
this process follows them and answers the proxy beside it in the pod, which speaks the API of
`dask_gateway_server.proxy`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import signal
from collections.abc import Sequence
from typing import Any

import aiohttp
from aiohttp import web

from z2jh_dask_gateway.kubernetes import ApiServer
from z2jh_dask_gateway.routes import RefusedRouteError, Route, RouteTable, route_of

KINDS = {"IngressRoute": "ingressroutes", "IngressRouteTCP": "ingressroutetcps"}
READY_PATH = "/-/ready"
# The proxy gives up a request after 60 s.
PATIENCE = 30

log = logging.getLogger(__name__)


class RouteKeeper:
    """Keeps the table as the objects of one kind are."""

    def __init__(self, table: RouteTable, kind: str, namespace: str, prefix: str) -> None:
        """Keep the routes of the objects of this kind and namespace."""
        self.table = table
        self.kind = kind
        self.namespace = namespace
        self.prefix = prefix

    def _route(self, item: dict[str, Any]) -> Route | None:
        try:
            return route_of(item, self.kind, self.namespace, self.prefix)
        except RefusedRouteError as refused:
            log.warning("refused: %s", refused)
            return None

    def listed(self, items: list[dict[str, Any]]) -> None:
        """Take these as all objects there are."""
        found = {item["metadata"]["name"]: self._route(item) for item in items}
        self.table.replace(self.kind, {name: route for name, route in found.items() if route})

    def changed(self, item: dict[str, Any], deleted: bool) -> None:
        """Take one object that was added, modified or deleted."""
        name = item["metadata"]["name"]
        route = None if deleted else self._route(item)
        if route:
            self.table.put(self.kind, name, route)
        else:
            self.table.remove(self.kind, name)


def routes_app(table: RouteTable) -> web.Application:
    """Return the API that the proxy reads: all routes, or with ?watch=1 the changes after a number."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            return await watch(request, int(request.query.get("last_id", "0")))
        try:
            await asyncio.wait_for(table.ready.wait(), PATIENCE)
        except TimeoutError:
            raise web.HTTPServiceUnavailable(reason="The routes are not known yet") from None
        return web.json_response(table.snapshot())

    async def watch(request: web.Request, number: int) -> web.StreamResponse:
        if not table.ready.is_set() or table.changes_after(number) is None:
            raise web.HTTPGone(reason="Changes that old are not known: read all routes")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        # The proxy ends each watch after 60 s and begins the next where it was.
        with contextlib.suppress(ConnectionError):
            while (changes := table.changes_after(number)) is not None:
                if changes:
                    number = changes[-1]["id"]
                    await response.write(json.dumps({"events": changes}).encode() + b"\n")
                else:
                    await table.changed()
        return response

    app = web.Application()
    app.router.add_get("/api/v1/routes", answer)
    return app


def health_app() -> web.Application:
    """Return what the proxy leads READY_PATH to: it answers once the proxy has its routes, and nothing else."""

    async def healthy(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    app = web.Application()
    app.router.add_get("/", healthy)
    return app


async def serve(app: web.Application, port: int, stack: contextlib.AsyncExitStack) -> None:
    """Serve an app to this pod alone."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", port).start()


def make_table(options: argparse.Namespace) -> RouteTable:
    """Return the table with the routes that do not depend on clusters."""
    fixed = [
        Route("PATH", f"{options.prefix}/", options.api),
        Route("PATH", READY_PATH, f"http://127.0.0.1:{options.health_port}"),
    ]
    return RouteTable(fixed, KINDS)


async def run(options: argparse.Namespace) -> None:
    """Follow and serve until told to stop."""
    table = make_table(options)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(read_bufsize=2**20))
        api = ApiServer.of_pod(session)
        await serve(routes_app(table), options.port, stack)
        await serve(health_app(), options.health_port, stack)
        followers = [
            asyncio.create_task(
                api.follow(
                    f"/apis/traefik.io/v1alpha1/namespaces/{options.namespace}/{plural}",
                    f"gateway.dask.org/instance={options.instance}",
                    RouteKeeper(table, kind, options.namespace, options.prefix),
                )
            )
            for kind, plural in KINDS.items()
        ]
        stopped = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([stopped, *followers], return_when=asyncio.FIRST_COMPLETED)
        for task in (stopped, *followers):
            task.cancel()
        # A follower ends by an error of ours only: end with it, for the kubelet to start us again.
        for task in done - {stopped}:
            task.result()


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description="Serve the routes of Dask clusters to Dask Gateway's own proxy.")
    parser.add_argument("--namespace", required=True, help="namespace of the Dask clusters")
    parser.add_argument("--instance", required=True, help="value of the label gateway.dask.org/instance")
    parser.add_argument("--prefix", default="", help="path under which the gateway is served, such as /services/dask")
    parser.add_argument("--api", required=True, help="address of the gateway's API server")
    parser.add_argument("--port", type=int, default=9000, help="port for the proxy, on the loopback address")
    parser.add_argument("--health-port", type=int, default=9001, help="port of the health page, likewise")
    options = parser.parse_args(argv)
    options.prefix = options.prefix.rstrip("/")
    return options


def main() -> None:
    """Run until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    asyncio.run(run(arguments()))


if __name__ == "__main__":
    main()
