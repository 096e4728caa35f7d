"""The repair of the gateway's client that user images carry (images/user/etc/dask)."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

aiohttp = pytest.importorskip("aiohttp")
dask_gateway = pytest.importorskip("dask_gateway")

REPAIR = Path(__file__).resolve().parents[2] / "user" / "etc" / "dask" / "gateway_client.py"


def load() -> None:
    spec = importlib.util.spec_from_file_location("gateway_client", REPAIR)
    assert spec
    assert spec.loader
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


@pytest.fixture
def repaired(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("sync", "close"):
        monkeypatch.setattr(dask_gateway.Gateway, name, getattr(dask_gateway.Gateway, name))
    # distributed loads a file twice.
    load()
    load()
    return dask_gateway.Gateway


async def connect(gateway: Any) -> Any:
    gateway._session = aiohttp.ClientSession()
    return gateway._session


def test_thrown_away_on_its_own_loop(repaired: Any, capfd: pytest.CaptureFixture[str]) -> None:
    gateway = repaired("http://127.0.0.1:1", auth="basic")
    loop, session = gateway.loop, gateway.sync(connect, gateway)
    closed = threading.Event()
    held = [gateway]
    del gateway

    def throw_away() -> None:
        held.clear()
        closed.set()

    loop.add_callback(throw_away)
    assert closed.wait(5), "it waits for itself"
    for _ in range(100):
        if session.closed:
            break
        closed.clear()
        closed.wait(0.05)
    assert session.closed
    assert "cannot join" not in capfd.readouterr().err


def test_waits_elsewhere_as_ever(repaired: Any) -> None:
    with repaired("http://127.0.0.1:1", auth="basic") as gateway:
        session = gateway.sync(connect, gateway)
        assert gateway.sync(asyncio.sleep, 0, "slept") == "slept"
    assert session.closed
