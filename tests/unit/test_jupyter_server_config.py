"""Whose dashboards a user's server shows."""

from __future__ import annotations

import io
import json
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.request import OpenerDirector, Request

import pytest
from traitlets.config import Config

SOURCE = Path(__file__).parents[2] / "images/user/etc/jupyter/jupyter_server_config.py"
GATEWAY = "http://traefik-dask-gateway/services/dask-gateway"
PREFIX = "/user/ada/proxy/traefik-dask-gateway:80/services/dask-gateway"
MINE, THEIRS = "jupyterhub.0a", "jupyterhub.0b"
Ask = Callable[..., bool]


class Gateway:
    """Shows one cluster to one token."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.error: Exception | None = None

    def open(self, _: OpenerDirector, request: Request, timeout: float) -> io.BytesIO:
        self.asked.append(request.full_url)
        assert request.get_header("Authorization") == "jupyterhub secret"
        assert timeout <= 5
        if self.error:
            raise self.error
        if request.full_url != f"{GATEWAY}/api/v1/clusters/{MINE}":
            raise HTTPError(request.full_url, 403, "Forbidden", None, None)  # type: ignore[arg-type]
        return io.BytesIO(json.dumps({"name": MINE}).encode())


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """Stand in for the gateway's API."""
    made = Gateway()
    monkeypatch.setattr(OpenerDirector, "open", lambda *args, **options: made.open(*args, **options))
    return made


@pytest.fixture
def allows(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run the settings as Ada's server does, and ask them as jupyter-server-proxy does."""
    monkeypatch.setenv("DASK_GATEWAY__ADDRESS", GATEWAY)
    monkeypatch.setenv("DASK_GATEWAY__PUBLIC_ADDRESS", PREFIX)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret")
    config = Config()
    runpy.run_path(str(SOURCE), init_globals={"get_config": lambda: config})

    def ask(path: str, host: str = "traefik-dask-gateway") -> bool:
        answer = config.ServerProxy.host_allowlist(SimpleNamespace(request=SimpleNamespace(path=path)), host)
        assert isinstance(answer, bool)  # a coroutine would count as a yes
        return answer

    return ask


@pytest.mark.parametrize(
    "rest", ["status", "", "static/js/a.js", "info/worker/tls%3A%2F%2F10.0.0.1%3A8786.html", "a..b"]
)
def test_ones_own_dashboard(allows: Ask, gateway: Gateway, rest: str) -> None:
    assert allows(f"{PREFIX}/clusters/{MINE}/{rest}")
    assert allows(f"{PREFIX}/clusters/{MINE}/{rest}")
    assert len(gateway.asked) == 1  # a yes is remembered


def test_the_dashboard_of_another_person(allows: Ask, gateway: Gateway) -> None:
    assert not allows(f"{PREFIX}/clusters/{THEIRS}/status")
    assert not allows(f"{PREFIX}/clusters/{THEIRS}/status")
    assert len(gateway.asked) == 2  # a no is not


@pytest.mark.parametrize(
    "path",
    [
        f"{PREFIX}/clusters/{MINE}",
        f"{PREFIX}/clusters//{MINE}/status",
        f"{PREFIX}/clusters/{MINE}/../{THEIRS}/status",
        f"{PREFIX}/clusters/{MINE}/x/../../{THEIRS}/status",
        f"{PREFIX}/clusters/{MINE}/%2e%2e/{THEIRS}/status",
        f"{PREFIX}/clusters/{MINE}/%252E%252e/{THEIRS}/status",
        f"{PREFIX}/clusters/{MINE}/..%2f{THEIRS}/status",
        f"{PREFIX}/clusters/{MINE}/..%5c{THEIRS}/status",
        f"{PREFIX}/clusters/{MINE}/..;/{THEIRS}/status",
        f"{PREFIX}/clusters/{MINE}%2f..%2f{THEIRS}/status",
        f"{PREFIX}/clusters/{MINE}%3f/status",
        f"{PREFIX}/clusters/../clusters/{MINE}/status",
        f"{PREFIX}/clusters/%2e%2e/{MINE}/status",
        f"{PREFIX}/clusters/{THEIRS}/x{PREFIX}/clusters/{MINE}/status",
        f"{PREFIX}/api/v1/clusters/",
        f"{PREFIX}/",
        PREFIX.replace(":80", ":8000") + f"/clusters/{MINE}/status",
        PREFIX.replace("/proxy/", "/proxy/absolute/") + f"/clusters/{MINE}/status",
        PREFIX.replace("-dask", "%2ddask") + f"/clusters/{MINE}/status",
    ],
)
def test_paths_in_disguise(allows: Ask, path: str) -> None:
    assert allows(f"{PREFIX}/clusters/{MINE}/status")
    assert not allows(path)


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionRefusedError(), ValueError("no JSON")])
def test_a_gateway_that_does_not_answer(allows: Ask, gateway: Gateway, error: Exception) -> None:
    gateway.error = error
    assert not allows(f"{PREFIX}/clusters/{MINE}/status")


def test_other_hosts(allows: Ask, gateway: Gateway) -> None:
    assert allows("/user/ada/proxy/localhost:8787/status", "localhost")
    assert allows("/user/ada/proxy/127.0.0.1:8787/status", "127.0.0.1")
    assert not allows("/user/ada/proxy/hub:8081/hub/api", "hub")
    assert not gateway.asked
