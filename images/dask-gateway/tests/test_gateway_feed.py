"""The feed between a fake API server and the real proxy of the gateway's wheel."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dask_gateway_server")
import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway_objects import CLUSTER, NAMESPACE, PREFIX, FakeApiServer, ingress_route, ingress_route_tcp
from z2jh_dask_gateway import feed, kubernetes
from z2jh_dask_gateway.routes import Route, RouteTable

OTHER = "f" * 32


async def eventually(check: Callable[[], Any], seconds: float = 10) -> Any:
    """Wait until a check gives a true value."""
    end = asyncio.get_running_loop().time() + seconds
    while True:
        found = check()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert asyncio.get_running_loop().time() < end, "it never came"
        await asyncio.sleep(0.05)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Feed:
    """A running feed, with what it follows and what it tells."""

    def __init__(self, cluster: FakeApiServer, table: RouteTable, server: TestServer) -> None:
        self.cluster = cluster
        self.table = table
        self.server = server

    def keys(self) -> set[str]:
        return {route.get("path", route.get("sni", "")) for route in self.table.snapshot()["routes"]}


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Feed]:
    token = tmp_path / "token"
    token.write_text("token-of-the-pod\n")
    cluster = FakeApiServer()
    async with contextlib.AsyncExitStack() as stack:
        source = await stack.enter_async_context(TestServer(cluster.app()))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        api = kubernetes.ApiServer(session, str(source.make_url("")).rstrip("/"), token)
        table = RouteTable([], feed.KINDS)
        server = await stack.enter_async_context(TestServer(feed.routes_app(table)))
        tasks = [
            asyncio.create_task(
                api.follow(
                    f"/apis/traefik.io/v1alpha1/namespaces/{NAMESPACE}/{plural}",
                    "gateway.dask.org/instance=dask-gateway",
                    feed.RouteKeeper(table, kind, NAMESPACE, PREFIX),
                )
            )
            for kind, plural in feed.KINDS.items()
        ]
        yield Feed(cluster, table, server)
        for task in tasks:
            task.cancel()


async def watched(running: Feed) -> None:
    """Wait until the feed watches both kinds."""
    await eventually(lambda: all(running.cluster.watchers.values()))


async def test_objects_become_routes_and_go(running: Feed) -> None:
    await watched(running)
    assert running.keys() == set()
    running.cluster.tell("ingressroutes", "ADDED", ingress_route())
    running.cluster.tell("ingressroutetcps", "ADDED", ingress_route_tcp())
    await eventually(lambda: len(running.keys()) == 2)
    running.cluster.tell("ingressroutes", "DELETED", ingress_route())
    await eventually(lambda: running.keys() == {f"{NAMESPACE}.{CLUSTER}"})


async def test_route_that_turns_foreign_is_taken_away(running: Feed, caplog: pytest.LogCaptureFixture) -> None:
    await watched(running)
    running.cluster.tell("ingressroutetcps", "ADDED", ingress_route_tcp())
    await eventually(running.keys)
    foreign = ingress_route_tcp()
    foreign["spec"]["routes"][0]["services"][0]["name"] = "hub"
    running.cluster.tell("ingressroutetcps", "MODIFIED", foreign)
    await eventually(lambda: not running.keys())
    assert "is not of the shape" in caplog.text


async def test_lists_again_when_the_watch_lost_its_place(running: Feed) -> None:
    await watched(running)
    begin = running.cluster.lists
    gone = {"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}}
    running.cluster.objects["ingressroutes"]["x"] = ingress_route()
    running.cluster.send("ingressroutes", gone)
    await eventually(running.keys)
    assert running.cluster.lists > begin


async def test_watch_goes_on_after_its_end(running: Feed) -> None:
    await watched(running)
    lists = running.cluster.lists
    running.cluster.send("ingressroutes", {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}})
    running.cluster.send("ingressroutes", None)
    await asyncio.sleep(0.1)
    await watched(running)
    running.cluster.tell("ingressroutes", "ADDED", ingress_route())
    await eventually(running.keys)
    assert running.cluster.lists == lists


async def test_routes_stay_while_the_api_server_is_away(running: Feed) -> None:
    await watched(running)
    running.cluster.tell("ingressroutes", "ADDED", ingress_route())
    await eventually(running.keys)
    running.cluster.away = True
    running.cluster.send("ingressroutes", None)
    await asyncio.sleep(0.3)
    assert running.keys()
    running.cluster.away = False
    running.cluster.tell("ingressroutes", "ADDED", ingress_route(OTHER))
    await eventually(lambda: len(running.keys()) == 2)


async def test_answers_only_when_routes_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "PATIENCE", 0.05)
    table = RouteTable([], ["IngressRoute"])
    async with TestServer(feed.routes_app(table)) as server, aiohttp.ClientSession() as session:
        address = server.make_url("/api/v1/routes")
        assert (await session.get(address)).status == 503
        assert (await session.get(address, params={"watch": "1", "last_id": str(table.newest)})).status == 410
        table.replace("IngressRoute", {})
        assert await (await session.get(address)).json() == {"routes": [], "id": table.newest}
        assert (await session.get(address, params={"watch": "1", "last_id": "7"})).status == 410


async def test_watch_sends_changes_as_lines(running: Feed) -> None:
    await watched(running)
    await running.table.ready.wait()
    query = {"watch": "1", "last_id": str(running.table.newest)}
    async with (
        aiohttp.ClientSession() as session,
        session.get(running.server.make_url("/api/v1/routes"), params=query) as r,
    ):
        running.cluster.tell("ingressroutetcps", "ADDED", ingress_route_tcp())
        line = await asyncio.wait_for(r.content.readline(), 5)
    assert [event["type"] for event in json.loads(line)["events"]] == ["PUT"]


def test_health_page_leads_nowhere_else() -> None:
    assert [resource.canonical for resource in feed.health_app().router.resources()] == ["/"]


# The real proxy


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate as a scheduler has one."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "scheduler")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
    (folder / "tls.crt").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    (folder / "tls.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "tls.crt", folder / "tls.key"


@pytest.fixture
async def proxy(running: Feed, tmp_path: Path) -> AsyncIterator[int]:
    """Run the wheel's proxy on one port for HTTP and TLS, as the chart does."""
    port = free_port()
    config = tmp_path / "dask_gateway_config.py"
    config.write_text(
        f'c.Proxy.address = "127.0.0.1:{port}"\n'
        f'c.Proxy.gateway_url = "{str(running.server.make_url("")).rstrip("/")}"\n'
        'c.Proxy.log_level = "debug"\n'
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dask_gateway_server", "proxy", "--config", str(config)
    )
    yield port
    process.terminate()
    await process.wait()


async def status(port: int, path: str) -> tuple[int, str]:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
            return response.status, await response.text()
    except aiohttp.ClientError:
        return 0, ""


async def test_real_proxy_serves_http_and_scheduler_tls_on_one_port(running: Feed, proxy: int, tmp_path: Path) -> None:
    async def echo_path(request: web.Request) -> web.Response:
        return web.Response(text=request.path)

    app = web.Application()
    app.router.add_get("/{path:.*}", echo_path)

    async def scheduler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"scheduler says " + await reader.readline())
        await writer.drain()
        writer.close()

    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(*certificate(tmp_path))
    async with TestServer(app) as api, await asyncio.start_server(scheduler, "127.0.0.1", 0, ssl=trust) as tls:
        target = f"tls://127.0.0.1:{tls.sockets[0].getsockname()[1]}"
        # Names of services do not resolve here, so these routes are written straight into the table.
        running.table.put("fixed", "api", Route("PATH", f"{PREFIX}/", str(api.make_url("/"))))
        running.table.put("IngressRouteTCP", "dask-x", Route("SNI", f"{NAMESPACE}.{CLUSTER}", target))

        async def serves() -> bool:
            return (await status(proxy, f"{PREFIX}/api/health"))[0] == 200

        await eventually(serves, 30)
        assert await status(proxy, f"{PREFIX}/api/health") == (200, "/api/health")
        assert (await status(proxy, "/other"))[0] == 404

        client = ssl.create_default_context()
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE

        async def say(name: str) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy, ssl=client, server_hostname=name)
            writer.write(b"hello\n")
            answer = await reader.readline()
            writer.close()
            return answer

        assert await say(f"daskgateway-{NAMESPACE}.{CLUSTER}") == b"scheduler says hello\n"
        with pytest.raises(OSError):
            await say(f"daskgateway-{NAMESPACE}.{OTHER}")

        # A route that goes takes effect at once, and one that comes from the cluster gets to the proxy.
        running.table.remove("IngressRouteTCP", "dask-x")
        running.cluster.tell("ingressroutes", "ADDED", ingress_route(OTHER))

        async def dashboard_is_routed() -> bool:
            return (await status(proxy, f"{PREFIX}/clusters/{NAMESPACE}.{OTHER}/status"))[0] == 502

        await eventually(dashboard_is_routed)
        with pytest.raises(OSError):
            await say(f"daskgateway-{NAMESPACE}.{CLUSTER}")


async def test_real_proxy_reaches_the_health_page_and_nothing_behind_it(running: Feed, proxy: int) -> None:
    async with TestServer(feed.health_app()) as health:
        running.table.put("fixed", "ready", Route("PATH", feed.READY_PATH, str(health.make_url("")).rstrip("/")))

        async def ready() -> bool:
            return await status(proxy, feed.READY_PATH) == (200, "ok")

        await eventually(ready, 30)
        assert (await status(proxy, f"{feed.READY_PATH}/api/v1/routes"))[0] == 404
