"""The spawner in a real hub: what somebody who follows the progress of a start is told, and what wakes it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub.app import JupyterHub
from jupyterhub.proxy import Proxy
from kubespawner import KubeSpawner
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler
from traitlets.config import Config

from fake_kubernetes import NAMESPACE, FakeKubernetes
from z2jh_hub import spawner as module
from z2jh_hub.spawner import EventSpawner

POD = "jupyter-edwin"
HUB = "http://127.0.0.1:{}/hub/api"
TOKEN = "not-secret-" * 3


def status(state: dict[str, Any]) -> dict[str, Any]:
    container = {"name": "notebook", "ready": "running" in state, "state": state}
    return {"phase": "Running", "podIP": "127.0.0.1", "containerStatuses": [container]}


class NoProxy(Proxy):
    """Remembers routes."""

    should_start = False

    async def get_all_routes(self) -> dict[str, Any]:
        return {}

    async def add_route(self, routespec: str, target: str, data: Any) -> None:
        """Accept a route."""

    async def delete_route(self, routespec: str) -> None:
        """Forget it."""


class Server(RequestHandler):
    """A user's server that runs."""

    def get(self) -> None:
        self.set_header("X-JupyterHub-Version", "5.5.0")


def free_port() -> int:
    server = HTTPServer(Application())
    server.listen(0, "127.0.0.1")
    port: int = next(iter(server._sockets.values())).getsockname()[1]
    server.stop()
    return port


class Hub:
    """A hub, and who asks it for a server of Edwin's."""

    def __init__(self, kubernetes: FakeKubernetes, port: int) -> None:
        self.kubernetes = kubernetes
        self._url = HUB.format(port)

    async def call(self, method: str, path: str, body: Any = None, token: str = TOKEN, **options: Any) -> Any:
        answer = await AsyncHTTPClient().fetch(
            self._url + path,
            method=method,
            headers={"Authorization": f"token {token}"},
            body=None if body is None else json.dumps(body),
            allow_nonstandard_methods=True,
            **options,
        )
        return answer.body

    async def progress(self) -> list[dict[str, Any]]:
        """Return all that a start said, when it is over."""
        lines = (await asyncio.wait_for(self.call("GET", "/users/edwin/server/progress"), 20)).decode().splitlines()
        return [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")]


@pytest.fixture
async def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Hub]:
    """Run a hub whose pods are made by a fake Kubernetes, and that nothing wakes but events."""
    monkeypatch.chdir(tmp_path)
    fake, port = FakeKubernetes(free_port()), free_port()
    monkeypatch.setattr("kubespawner.spawner.load_config", lambda **_: None)
    monkeypatch.setattr("kubespawner.spawner.shared_client", lambda _: fake)
    monkeypatch.setattr("kubespawner.reflector.shared_client", lambda _: fake)
    monkeypatch.setattr(module, "RETRY_SECONDS", 3600)
    config = Config()
    config.JupyterHub.update(
        {
            "spawner_class": EventSpawner,
            "proxy_class": NoProxy,
            "authenticator_class": "null",
            "db_url": "sqlite://",
            "cookie_secret": b"0" * 32,
            "hub_bind_url": f"http://127.0.0.1:{port}",
            "tornado_settings": {"slow_spawn_timeout": 0},
            "services": [{"name": "tests", "api_token": TOKEN}],
            "load_roles": [{"name": "tests", "scopes": ["admin:users", "admin:servers"], "services": ["tests"]}],
        }
    )
    config.KubeSpawner.update({"namespace": NAMESPACE, "pod_name_template": POD})

    async def get_pod_manifest(_: Any) -> Any:
        return SimpleNamespace(metadata=SimpleNamespace(name=POD), to_str=str)

    monkeypatch.setattr(EventSpawner, "get_pod_manifest", get_pod_manifest)
    app = JupyterHub(config=config)
    await app.initialize([])
    await app.start()
    running = Hub(fake, port)
    await running.call("POST", "/users/edwin")
    yield running
    await app.cleanup()
    app.http_server.stop()
    await KubeSpawner._stop_all_reflectors()
    JupyterHub.clear_instance()


async def test_a_report_of_activity_ends_the_wait(hub: Hub) -> None:
    await hub.call("POST", "/users/edwin/server", {})
    following = asyncio.ensure_future(hub.progress())
    await asyncio.wait_for(hub.kubernetes.created.wait(), 5)
    hub.kubernetes.change(POD, status({"running": {}}))
    (spawner,) = EventSpawner.starting.values()
    await asyncio.wait({following}, timeout=0.3)
    server = HTTPServer(Application([("/user/edwin/api", Server)]))
    server.listen(hub.kubernetes.port, "127.0.0.1")
    await asyncio.wait({following}, timeout=0.3)
    assert not following.done()
    now = datetime.now(tz=UTC).isoformat()
    activity = {"servers": {"": {"last_activity": now}}, "last_activity": now}
    await hub.call("POST", "/users/edwin/activity", activity, token=spawner.api_token)
    said = [event["message"] for event in await following]
    assert said[-1] == "Server ready at /user/edwin/"
    assert "Your server is running. Waiting for its first answer." in said
    server.stop()


async def test_a_failure_is_told_in_one_sentence(hub: Hub) -> None:
    await hub.call("POST", "/users/edwin/server", {})
    following = asyncio.ensure_future(hub.progress())
    await asyncio.wait_for(hub.kubernetes.created.wait(), 5)
    hub.kubernetes.change(POD, status({"terminated": {"exitCode": 7, "reason": "Error"}}))
    last = (await following)[-1]
    assert last["failed"]
    assert last["message"].startswith("Spawn failed: Your server ended while it started (exit code 7).")
    assert POD not in hub.kubernetes.pods
