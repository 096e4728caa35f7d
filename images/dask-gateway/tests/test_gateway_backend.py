from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("dask_gateway_server")
from dask_gateway_server.backends.base import PublicException
from traitlets.config import Config

from z2jh_dask_gateway.backend import GIB, USER_LABEL, PlatformBackend, label_of

IMAGES = ["registry.example:5000/z2jh/minimal:1@sha256:aa", "registry.example:5000/z2jh/astronomy:1@sha256:bb"]


class FakeCustomObjects:
    """The part of the Kubernetes client that the backend uses here."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []

    async def list_namespaced_custom_object(self, *_: str, **__: str) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"items": list(self.items)}

    async def create_namespaced_custom_object(self, *arguments: Any) -> None:
        await asyncio.sleep(0)
        self.items.append(arguments[-1])


@pytest.fixture
def backend() -> PlatformBackend:
    config = Config()
    config.PlatformBackend.images = IMAGES
    config.PlatformBackend.max_clusters_per_user = 2
    config.PlatformBackend.gateway_instance = "dask-gateway"
    config.KubeClusterConfig.namespace = "jupyterhub"
    config.KubeClusterConfig.worker_cores = 0.2
    config.KubeClusterConfig.idle_timeout = 1800
    config.KubeClusterConfig.environment = {"HOME": "/tmp"}
    made = PlatformBackend(config=config)
    made.custom_client = FakeCustomObjects()
    return made


def user(name: str) -> Any:
    return SimpleNamespace(name=name, groups=[], admin=False)


async def start(backend: PlatformBackend, name: str, **options: Any) -> dict[str, Any]:
    await backend.start_cluster(user(name), options)
    return backend.custom_client.items[-1]["spec"]["config"]


async def test_defaults(backend: PlatformBackend) -> None:
    made = await start(backend, "ada")
    assert made["image"] == IMAGES[0]
    assert (made["worker_cores"], made["worker_cores_limit"], made["worker_threads"]) == (0.2, 1.0, 1)
    assert (made["worker_memory"], made["worker_memory_limit"]) == (GIB, GIB)
    assert made["worker_extra_pod_labels"] == made["scheduler_extra_pod_labels"] == {USER_LABEL: "ada"}
    assert made["environment"] == {"HOME": "/tmp", "DASK_DISTRIBUTED__SCHEDULER__IDLE_TIMEOUT": "2400s"}


async def test_sizes_scale(backend: PlatformBackend) -> None:
    made = await start(backend, "ada", image=IMAGES[1], worker_cores=2, worker_memory=1.5)
    assert (made["image"], made["worker_cores"], made["worker_threads"]) == (IMAGES[1], 0.4, 2)
    assert made["worker_memory_limit"] == 1.5 * GIB


@pytest.mark.parametrize(
    "options",
    [
        {"image": "docker.io/evil:latest"},
        {"image": IMAGES[0] + "0"},
        {"worker_cores": 3},
        {"worker_cores": 0},
        {"worker_memory": 64},
        {"worker_extra_pod_config": {"hostNetwork": True}},
        {"environment": {"LD_PRELOAD": "x"}},
        {"cluster_max_workers": 1000},
    ],
)
async def test_nothing_else_may_be_chosen(backend: PlatformBackend, options: dict[str, Any]) -> None:
    with pytest.raises(PublicException):
        await start(backend, "ada", **options)
    assert backend.custom_client.items == []


async def test_limit_of_a_user_holds_when_asked_at_once(backend: PlatformBackend) -> None:
    results = await asyncio.gather(*(start(backend, "ada") for _ in range(6)), return_exceptions=True)
    assert sum(isinstance(result, PublicException) for result in results) == 4
    assert len(backend.custom_client.items) == 2
    await start(backend, "grace")


async def test_ended_clusters_do_not_count(backend: PlatformBackend) -> None:
    for _ in range(2):
        await start(backend, "ada")
    stopping, failed = backend.custom_client.items
    with pytest.raises(PublicException, match="have 2 Dask clusters"):
        await start(backend, "ada")
    stopping["spec"]["active"] = False
    await start(backend, "ada")
    failed["status"] = {"phase": "Failed"}
    await start(backend, "ada")


@pytest.mark.parametrize("name", ["ada", "ada-lovelace", "a" * 48])
def test_label_is_the_name_where_it_can_be(name: str) -> None:
    assert label_of(name) == name


@pytest.mark.parametrize("name", ["Ada", "ada_b", "-ada", "ada@example.org", "a--b", "a" * 49, "测试", ""])
def test_label_stands_for_other_names_alone(name: str) -> None:
    import re

    label = label_of(name)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label)
    assert "---" in label
    assert label_of(name + "x") != label
