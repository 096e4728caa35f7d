"""KubeSpawner that reacts to what happens instead of asking again and again.

KubeSpawner and JupyterHub wait by polling, with pauses that grow to five seconds. Here a start goes on when Kubernetes
says that the pod runs, and again when the server reports to the hub for the first time, which it does once it listens.
A start that cannot succeed ends with one sentence that says why, long before its time is over.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from typing import Any, ClassVar
from urllib.parse import urlsplit

import sqlalchemy
from aiohttp import ClientConnectionError
from jupyterhub import orm
from kubernetes_asyncio.client import ApiException
from kubespawner import KubeSpawner
from kubespawner.reflector import ResourceReflector
from kubespawner.spawner import EventReflector, PodReflector
from tornado.web import HTTPError
from traitlets import Float, validate

from z2jh_hub.pods import REMOVED, TELL, Event, Pod, brief, ending, stage, trouble

# How often a running pod is asked whether it listens, should its server not report: its clock may be wrong.
RETRY_SECONDS = 1.0
CONNECT_SECONDS = 1.0
GONE_SECONDS = 30.0
# How long after one attempt to reach the API server the next one is made, while there is no reflector.
API_SERVER_SECONDS = 2.0
# The part of start_timeout after which a start ends itself, so that it says what it waited for before the hub ends it.
PATIENCE = 0.95

# What somebody waits for, by namespace/pod: set, and so used up, by the next change.
_changes: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)


def tell(key: str) -> None:
    """Wake everybody who waits for a change of a pod."""
    if change := _changes.pop(key, None):
        change.set()


class Resources(dict[str, Any]):
    """What a reflector knows, which tells of each pod that an entry is about when that changes."""

    def __setitem__(self, key: str, resource: Any) -> None:
        super().__setitem__(key, resource)
        self._tell(resource)

    def pop(self, key: str, *default: Any) -> Any:
        """Remove an entry and tell of it."""
        resource = super().pop(key, *default)
        if resource:
            self._tell(resource)
        return resource

    def _tell(self, resource: Any) -> None:
        subject = resource.get("involvedObject") or resource["metadata"]
        tell(f"{subject['namespace']}/{subject['name']}")


class _Telling(ResourceReflector):  # type: ignore[misc, unused-ignore]
    """A reflector whose resources tell; each time it lists everything anew, everything may have changed."""

    @validate("resources")  # type: ignore[untyped-decorator, misc, unused-ignore]
    def _resources_tell(self, proposal: Any) -> Resources:
        for key in list(_changes):
            tell(key)
        return Resources(proposal["value"])

    async def _watch_and_update(self) -> None:
        """Watch for ever: KubeSpawner gives up after 51 s without an API server, and its hub sees nothing more."""
        while not self._stopping:
            await super()._watch_and_update()


class TellingPods(_Telling, PodReflector):  # type: ignore[misc, unused-ignore]
    """KubeSpawner's reflector of pods, telling."""


class TellingEvents(_Telling, EventReflector):  # type: ignore[misc, unused-ignore]
    """KubeSpawner's reflector of events about pods, telling."""


def _has_failed(reflector: ResourceReflector) -> bool:
    """Say whether a reflector could not list what there is."""
    first = reflector.first_load_future
    return first.done() and first.exception() is not None


async def listens(host: str, port: int) -> bool:
    """Say whether a server takes a connection."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


class ServerFailedError(HTTPError):  # type: ignore[misc, unused-ignore]
    """A server did not start; the text says why and what to do, and is what the person sees."""

    def __init__(self, text: str) -> None:
        super().__init__(500, text)
        self.jupyterhub_message = text


class EventSpawner(KubeSpawner):  # type: ignore[misc, unused-ignore]
    """KubeSpawner that starts and stops pods by events, and says in plain words what it waits for."""

    trouble_seconds = Float(
        20,
        min=0,
        help="""How long a trouble that may pass by itself (no node has room, an image cannot be fetched) may last
        before the start fails with it. More where nodes are added on demand.""",
    ).tag(config=True)

    # The spawners that start, by their rows in the hub's database.
    starting: ClassVar[dict[orm.Spawner, EventSpawner]] = {}
    # Why Kubernetes ended servers since the hub began, by the names of user and server.
    endings: ClassVar[dict[tuple[str, str], str]] = {}
    # The pod of this name that was there before, by uid: it says nothing about the one that starts.
    _earlier: str | None = None

    @property
    def _key(self) -> str:
        return f"{self.namespace}/{self.pod_name}"

    def _pod(self) -> Pod | None:
        pod: Pod | None = self.pod_reflector and self.pod_reflector.pods.get(self._key)
        return pod if pod and pod["metadata"]["uid"] != self._earlier else None

    def _events_about(self, pod: Pod | None) -> list[Event]:
        """Return the events about the pod, the latest last."""
        return [event for event in self.events if pod and event["involvedObject"].get("uid") == pod["metadata"]["uid"]]

    def _latest(self, pod: Pod | None) -> Event | None:
        """Return the latest event about the pod."""
        found = self._events_about(pod)
        return found[-1] if found else None

    async def _start_reflector(self, kind: str, reflector_class: Any, replace: bool = False, **kwargs: Any) -> Any:
        """Start a reflector that tells, as soon as there is an API server.

        A hub that starts while there is none must wait: it would take every server for stopped, and forget it.
        """
        telling = {PodReflector: TellingPods, EventReflector: TellingEvents}.get(reflector_class, reflector_class)
        while True:
            try:
                return await super()._start_reflector(kind, telling, replace, **kwargs)
            except Exception:
                # KubeSpawner logged it, whatever it is. Another spawner may have started a reflector by now.
                key = self._get_reflector_key(kind)
                if (there := self.reflectors.get(key)) and _has_failed(there):
                    del self.reflectors[key]
            await asyncio.sleep(API_SERVER_SECONDS)

    async def _start(self) -> Any:
        """Start the pod; return its URL when its server listens."""
        self.starting[self.orm_spawner] = self
        self.endings.pop((self.user.name, self.name), None)
        # KubeSpawner remembers for ever that there is a home: a pod would wait for one that an operator has deleted.
        self._pvc_exists = False
        try:
            async with asyncio.timeout(PATIENCE * self.start_timeout):
                return await super()._start()
        except TimeoutError as error:
            pod = self._pod()
            at = stage(pod, self._latest(pod))[1]
            raise ServerFailedError(f"Your server did not start in time: {at} Please try again. {TELL}") from error
        except ApiException as error:
            said = error.reason
            with suppress(LookupError, TypeError, ValueError):
                said = json.loads(error.body or "")["message"]
            raise ServerFailedError(f"Kubernetes refused your server ({brief(said)}). {TELL}") from error
        finally:
            self.starting.pop(self.orm_spawner, None)

    async def poll(self) -> int | None:
        """Return None while the server runs; note why Kubernetes ended one that did."""
        pod = self._pod()
        code: int | None = await super().poll()
        if code is not None and (why := ending(self._events_about(pod))):
            self.endings[self.user.name, self.name] = why
        return code

    async def _reaching(self, request: Awaitable[Any]) -> bool:
        """Make a request; return False, which has it made again for a while, if there is no API server to take it."""
        try:
            return bool(await request)
        except ClientConnectionError as error:
            self.log.warning("No API server takes a request about %s: %s", self._key, error)
            return False

    async def _make_create_pvc_request(self, *args: Any) -> bool:
        """Create the claim of a home."""
        return await self._reaching(super()._make_create_pvc_request(*args))

    async def _make_create_pod_request(self, pod: Any, request_timeout: float) -> bool:
        """Create the pod, and wait for its server here, so that the polls that follow succeed at once."""
        earlier = self.pod_reflector.pods.get(self._key)
        self._earlier = earlier and earlier["metadata"]["uid"]
        created = await self._reaching(super()._make_create_pod_request(pod, request_timeout))
        # With any of these the pod needs something that is made after it.
        if created and not (self.internal_ssl or self.services_enabled or self.after_pod_created_hook):
            await self._until_listening()
        return created

    async def _until_listening(self) -> None:
        """Wait until the server takes connections; raise `ServerFailedError` when that is not to be expected."""
        now, seen, since = asyncio.get_running_loop().time, False, None
        while True:
            # Before looking, or a change while looking would be missed.
            change = _changes[self._key]
            pod, seconds = self._pod(), None
            if pod and pod["status"].get("podIP") and self.is_pod_running(pod):
                url = urlsplit(self._get_pod_url(pod))
                if await listens(str(url.hostname), url.port or 80):
                    return
                seconds = RETRY_SECONDS
            found = trouble(pod, self._latest(pod)) if pod else REMOVED if seen else None
            seen = seen or pod is not None
            if found:
                since = since or now()
                seconds = since + self.trouble_seconds - now()
                if found.is_final or seconds <= 0:
                    raise ServerFailedError(found.text)
            else:
                since = None
            with suppress(TimeoutError):
                await asyncio.wait_for(change.wait(), seconds)

    async def _make_delete_pod_request(self, pod_name: str, *args: Any) -> bool:
        """Delete the pod, and wait here until it is gone."""
        deleted = await self._reaching(super()._make_delete_pod_request(pod_name, *args))
        with suppress(TimeoutError):
            async with asyncio.timeout(GONE_SECONDS):
                while deleted and self._key in self.pod_reflector.pods:
                    await _changes[self._key].wait()
        return deleted

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what the start waits for, each time that changes; the hub ends this when the start is over."""
        said = None
        while True:
            change = _changes[self._key]
            pod = self._pod()
            if (now := stage(pod, self._latest(pod))) != said:
                said = now
                yield {"progress": now[0], "message": now[1]}
            await change.wait()


def endings_of(user: Any) -> dict[str, str]:
    """Return why Kubernetes ended servers of a user, by their names. JupyterHub asks for each page, of nobody too."""
    return {server: why for (owner, server), why in EventSpawner.endings.items() if user and user.name == owner}


@sqlalchemy.event.listens_for(orm.Spawner.last_activity, "set")  # type: ignore[untyped-decorator, misc, unused-ignore]
def _a_server_reports(row: Any, *_: Any) -> None:
    """Wake a start when its server reports activity: the first time it does, it has just begun to listen."""
    if spawner := EventSpawner.starting.get(row):
        tell(spawner._key)
