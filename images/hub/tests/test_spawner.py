"""The spawner, with KubeSpawner's own code beneath it, against a Kubernetes API that does as told."""

from __future__ import annotations

import asyncio
import datetime
from asyncio import sleep as real_sleep
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub import orm
from kubernetes_asyncio.client import ApiException
from kubespawner import KubeSpawner
from tornado.web import HTTPError

from fake_kubernetes import NAMESPACE, FakeKubernetes
from z2jh_hub import spawner as module
from z2jh_hub.spawner import EventSpawner, ServerFailedError

POD = "jupyter-edwin"
RUNNING = {
    "phase": "Running",
    "podIP": "127.0.0.1",
    "containerStatuses": [{"name": "notebook", "ready": True, "state": {"running": {}}}],
}
CRASHED = {
    "phase": "Running",
    "containerStatuses": [{"ready": False, "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}],
}
MISSING = {
    "phase": "Pending",
    "containerStatuses": [{"image": "stars:1", "state": {"waiting": {"reason": "ErrImagePull"}}}],
}


async def no_pause(*_: Any) -> None:
    """Fail whoever polls."""
    raise AssertionError("a pause between polls")


@pytest.fixture
async def kubernetes(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeKubernetes]:
    """Stand in for the API, on which the hub's reflectors end with the test."""
    probe = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = probe.sockets[0].getsockname()[1]
    probe.close()
    await probe.wait_closed()
    fake = FakeKubernetes(port)
    monkeypatch.setattr("kubespawner.spawner.load_config", lambda **_: None)
    monkeypatch.setattr("kubespawner.spawner.shared_client", lambda _: fake)
    monkeypatch.setattr("kubespawner.reflector.shared_client", lambda _: fake)
    monkeypatch.setattr("jupyterhub.utils.asyncio.sleep", no_pause)
    # Only events may wake.
    monkeypatch.setattr(module, "RETRY_SECONDS", 3600)
    yield fake
    await KubeSpawner._stop_all_reflectors()


def make(kind: type[KubeSpawner], **traits: Any) -> KubeSpawner:
    row = orm.Spawner(name="")
    made = kind(_mock=True, orm_spawner=row, namespace=NAMESPACE, pod_name_template=POD, start_timeout=60, **traits)
    manifest = SimpleNamespace(metadata=SimpleNamespace(name=POD), to_str=str)

    async def get_pod_manifest() -> Any:
        return manifest

    made.get_pod_manifest = get_pod_manifest
    return made


@pytest.fixture
def spawner(kubernetes: FakeKubernetes) -> Any:
    return make(EventSpawner)


async def listen(kubernetes: FakeKubernetes) -> asyncio.Server:
    """Begin to take connections, as a user's server does at the end of its start."""
    return await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", kubernetes.port)


async def is_waiting(task: asyncio.Future[Any]) -> bool:
    """Say whether a task still waits after all it can do at once."""
    await asyncio.wait({task}, timeout=0.05)
    return not task.done()


async def soon(task: asyncio.Future[Any]) -> Any:
    return await asyncio.wait_for(task, 5)


async def until_created(kubernetes: FakeKubernetes) -> None:
    await asyncio.wait_for(kubernetes.created.wait(), 5)


async def test_a_start_goes_on_by_events_alone(kubernetes: FakeKubernetes, spawner: Any) -> None:
    start = spawner.start()
    await until_created(kubernetes)
    assert await is_waiting(start)
    kubernetes.change(POD, RUNNING)
    assert await is_waiting(start)
    server = await listen(kubernetes)
    assert await is_waiting(start)
    # What the hub does when a server reports activity.
    spawner.orm_spawner.last_activity = datetime.datetime.now(tz=datetime.UTC)
    assert await soon(start) == f"http://127.0.0.1:{kubernetes.port}"
    assert not EventSpawner.starting
    server.close()


async def test_the_stock_spawner_polls(kubernetes: FakeKubernetes) -> None:
    start = make(KubeSpawner).start()
    with pytest.raises(AssertionError, match="a pause between polls"):
        await soon(start)


async def test_a_server_that_listens_before_its_pod_is_seen_to_run(kubernetes: FakeKubernetes, spawner: Any) -> None:
    server = await listen(kubernetes)
    start = spawner.start()
    await until_created(kubernetes)
    assert await is_waiting(start)
    kubernetes.change(POD, RUNNING)
    await soon(start)
    server.close()


async def test_a_server_that_never_reports(
    kubernetes: FakeKubernetes, spawner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    start = spawner.start()
    await until_created(kubernetes)
    kubernetes.change(POD, RUNNING)
    assert await is_waiting(start)
    server = await listen(kubernetes)
    await soon(start)
    server.close()


async def test_a_change_that_only_a_new_list_shows(kubernetes: FakeKubernetes, spawner: Any) -> None:
    server = await listen(kubernetes)
    start = spawner.start()
    await until_created(kubernetes)
    assert await is_waiting(start)
    reflector = spawner.pod_reflector
    reflector.resources = {f"{NAMESPACE}/{POD}": {**kubernetes.pods[POD], "status": RUNNING}}
    await soon(start)
    server.close()


def let_time_pass(kubernetes: FakeKubernetes, monkeypatch: pytest.MonkeyPatch, outage: float) -> list[float]:
    """Have pauses end at once; the API server is back when they add up to so many seconds."""
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        kubernetes.is_away = sum(pauses) < outage
        await real_sleep(0)

    monkeypatch.setattr("asyncio.sleep", pause)
    return pauses


async def test_a_hub_outlives_an_api_server_that_is_long_away(
    kubernetes: FakeKubernetes, spawner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await spawner.poll()
    pauses = let_time_pass(kubernetes, monkeypatch, outage=120)
    kubernetes.go_away()
    async with asyncio.timeout(5):
        while kubernetes.is_away:
            await real_sleep(0.01)
    assert sum(pauses) >= 120
    server = await listen(kubernetes)
    start = spawner.start()
    await until_created(kubernetes)
    kubernetes.change(POD, RUNNING)
    await soon(start)
    server.close()


async def test_a_hub_that_starts_without_an_api_server_waits_for_it(
    kubernetes: FakeKubernetes, spawner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubernetes.add(POD)
    kubernetes.is_away = True
    pauses = let_time_pass(kubernetes, monkeypatch, outage=3)
    # It runs, or is on its way: the stock spawner fails here, and its hub forgets the server.
    assert await soon(asyncio.gather(spawner.poll(), make(EventSpawner).poll())) == [None, None]
    assert sum(pauses) >= 3
    kubernetes.is_away = True
    await KubeSpawner._stop_all_reflectors()
    with pytest.raises(OSError):  # noqa: PT011
        await make(KubeSpawner).poll()


async def test_a_start_and_a_stop_wait_for_an_api_server(
    kubernetes: FakeKubernetes, spawner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an outage, when the API server answers already but its Service does not lead to it yet."""
    await spawner.poll()
    pauses = 0

    async def pause(*_: Any) -> None:
        nonlocal pauses
        pauses += 1
        kubernetes.is_away = pauses % 3 != 0
        await real_sleep(0)

    monkeypatch.setattr("jupyterhub.utils.asyncio.sleep", pause)
    kubernetes.is_away = True
    start = spawner.start()
    await until_created(kubernetes)
    assert pauses == 3
    server = await listen(kubernetes)
    kubernetes.change(POD, RUNNING)
    await soon(start)
    kubernetes.is_away = True
    await asyncio.wait_for(spawner.stop(), 5)
    assert pauses == 6
    assert not kubernetes.pods
    server.close()


async def test_a_home_that_was_deleted_is_made_anew(kubernetes: FakeKubernetes) -> None:
    spawner = make(EventSpawner, storage_pvc_ensure=True, storage_capacity="1Gi")
    spawner.pvc_name = "home"
    server = await listen(kubernetes)
    for number in range(3):
        start = spawner.start()
        await until_created(kubernetes)
        kubernetes.change(POD, RUNNING)
        await soon(start)
        assert kubernetes.claims == {"home"}
        await soon(asyncio.ensure_future(spawner.stop()))
        kubernetes.created.clear()
        # As the hub has it after a restart, too.
        assert spawner.get_state()["pvc_name"] == "home"
        # The second start finds the home, the third does not.
        if number == 1:
            kubernetes.claims.clear()
    server.close()


async def test_a_crash_ends_the_start(kubernetes: FakeKubernetes, spawner: Any) -> None:
    start = spawner.start()
    await until_created(kubernetes)
    kubernetes.change(POD, RUNNING)
    assert await is_waiting(start)
    kubernetes.change(POD, CRASHED)
    with pytest.raises(HTTPError) as raised:
        await soon(start)
    assert "ended while it started (exit code 1)" in raised.value.jupyterhub_message
    assert not EventSpawner.starting


async def test_a_trouble_that_passes(kubernetes: FakeKubernetes, spawner: Any) -> None:
    server = await listen(kubernetes)
    start = spawner.start()
    await until_created(kubernetes)
    kubernetes.change(POD, MISSING)
    assert await is_waiting(start)
    kubernetes.change(POD, RUNNING)
    await soon(start)
    server.close()


async def test_a_trouble_that_stays(kubernetes: FakeKubernetes) -> None:
    start = make(EventSpawner, trouble_seconds=0.1).start()
    await until_created(kubernetes)
    kubernetes.change(POD, MISSING)
    with pytest.raises(ServerFailedError, match="stars:1 cannot be fetched"):
        await soon(start)


async def test_a_pod_that_is_taken_away(kubernetes: FakeKubernetes, spawner: Any) -> None:
    start = spawner.start()
    await until_created(kubernetes)
    assert await is_waiting(start)
    await kubernetes.delete_namespaced_pod(POD)
    with pytest.raises(ServerFailedError, match="removed your server"):
        await soon(start)


async def test_time_is_over(kubernetes: FakeKubernetes, spawner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.002)
    start = spawner.start()
    with pytest.raises(ServerFailedError, match="not start in time: "):
        await soon(start)


async def test_kubernetes_refuses(kubernetes: FakeKubernetes, spawner: Any) -> None:
    kubernetes.refusal = ApiException(status=403, reason="Forbidden")
    kubernetes.refusal.body = b'{"message": "exceeded quota: pods=10"}'
    with pytest.raises(ServerFailedError, match="exceeded quota: pods=10"):
        await soon(spawner.start())


async def test_a_pod_that_an_earlier_start_left(
    kubernetes: FakeKubernetes, spawner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubernetes.add(POD)
    kubernetes.change(POD, CRASHED)
    server = await listen(kubernetes)
    # KubeSpawner pauses once before it tries again.
    monkeypatch.setattr("jupyterhub.utils.asyncio.sleep", asyncio.tasks.sleep)
    start = spawner.start()
    await until_created(kubernetes)
    kubernetes.change(POD, RUNNING)
    await soon(start)
    assert kubernetes.pods[POD]["metadata"]["uid"] != "uid-1"
    server.close()


async def test_a_pod_that_is_gone_but_still_shown(kubernetes: FakeKubernetes, spawner: Any) -> None:
    kubernetes.add(POD)
    kubernetes.change(POD, CRASHED)
    await spawner._start_watching_pods()
    assert await is_waiting(spawner.pod_reflector.watch_task)
    kubernetes.is_mute = True
    kubernetes.pods.clear()
    server = await listen(kubernetes)
    start = spawner.start()
    await until_created(kubernetes)
    assert await is_waiting(start)
    kubernetes.is_mute = False
    kubernetes.change(POD, RUNNING)
    await soon(start)
    server.close()


async def test_a_stop_is_over_when_the_pod_is_gone(kubernetes: FakeKubernetes, spawner: Any) -> None:
    kubernetes.add(POD)
    await soon(asyncio.ensure_future(spawner.stop()))
    assert POD not in kubernetes.pods


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("Pod ephemeral local storage usage exceeds the total limit of containers 4G.", "such as /tmp"),
        ("The node was low on resource: memory.", "low on resource: memory"),
    ],
)
async def test_why_a_server_was_ended(kubernetes: FakeKubernetes, spawner: Any, message: str, says: str) -> None:
    server = await listen(kubernetes)
    start = spawner.start()
    await until_created(kubernetes)
    kubernetes.change(POD, RUNNING)
    await soon(start)
    assert await spawner.poll() is None
    kubernetes.say(POD, "Evicted", message)
    kubernetes.say(POD, "Killing", "Stopping container notebook")
    await is_waiting(asyncio.ensure_future(real_sleep(1)))
    kubernetes.change(POD, {"phase": "Running"})
    async with asyncio.timeout(5):
        while await spawner.poll() is None:
            await real_sleep(0)
    key = (spawner.user.name, "")
    assert says in spawner.endings[key]
    await soon(asyncio.ensure_future(spawner.stop()))
    # The next start is a new one.
    kubernetes.created.clear()
    start = spawner.start()
    await until_created(kubernetes)
    assert key not in spawner.endings
    kubernetes.change(POD, RUNNING)
    await soon(start)
    server.close()


async def test_progress_in_plain_words(kubernetes: FakeKubernetes, spawner: Any) -> None:
    said = spawner.progress()
    assert "Asking Kubernetes" in (await anext(said))["message"]
    start = spawner.start()
    assert "Looking for a node" in (await soon(asyncio.ensure_future(anext(said))))["message"]
    kubernetes.say(POD, "Pulling")
    assert "Fetching the image" in (await soon(asyncio.ensure_future(anext(said))))["message"]
    kubernetes.change(POD, RUNNING)
    assert (await soon(asyncio.ensure_future(anext(said))))["progress"] == 80
    start.cancel()
