"""As much of the Kubernetes API as KubeSpawner needs for one pod: lists, watches, creation, removal."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

from aiohttp import ClientConnectionError
from kubernetes_asyncio.client import ApiException

NAMESPACE = "hub"
Resource = dict[str, Any]


class Stream:
    """The answer to a list, or to a watch, whose lines come when something happens."""

    ok = True

    def __init__(self, content: Resource | None = None) -> None:
        self._content = content
        # No line, but nothing: the connection is reset.
        self.lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.content = SimpleNamespace(readline=self._readline)

    async def _readline(self) -> bytes:
        if (line := await self.lines.get()) is None:
            raise ConnectionResetError
        return line

    async def read(self) -> bytes:
        return json.dumps(self._content).encode()

    def release(self) -> None:
        """Be closed."""

    close = release


class FakeKubernetes:
    """Holds pods and events, and tells those who watch them."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.pods: dict[str, Resource] = {}
        self.claims: set[str] = set()
        self.refusal: ApiException | None = None
        self.created = asyncio.Event()
        # Those who watch learn nothing while it is mute.
        self.is_mute = False
        # Nobody gets an answer while it is away.
        self.is_away = False
        self._events: dict[str, Resource] = {}
        self._streams: dict[str, list[Stream]] = {"pods": [], "events": []}
        self._number = 0

    async def list_namespaced_pod(self, watch: bool = False, **_: Any) -> Stream:
        return self._answer("pods", self.pods, watch)

    async def list_namespaced_event(self, watch: bool = False, **_: Any) -> Stream:
        return self._answer("events", self._events, watch)

    async def create_namespaced_pod(self, _: str, pod: Any) -> None:
        self._take_request()
        if self.refusal:
            raise self.refusal
        if pod.metadata.name in self.pods:
            raise ApiException(status=409)
        self.add(pod.metadata.name)
        self.created.set()

    async def create_namespaced_persistent_volume_claim(self, namespace: str, body: Any) -> None:
        self._take_request()
        if body.metadata.name in self.claims:
            raise ApiException(status=409)
        self.claims.add(body.metadata.name)

    async def delete_namespaced_pod(self, name: str, **_: Any) -> None:
        self._take_request()
        self._tell("pods", "DELETED", self.pods.pop(name))

    def _take_request(self) -> None:
        if self.is_away:
            raise ClientConnectionError("No route to host")

    def add(self, name: str) -> None:
        """Add a pod that no node has yet."""
        port = {"name": "notebook-port", "containerPort": self.port}
        self._number += 1
        self.pods[name] = {
            "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"uid-{self._number}", "resourceVersion": "1"},
            "spec": {"containers": [{"ports": [port]}]},
            "status": {"phase": "Pending"},
        }
        self._tell("pods", "ADDED", self.pods[name])

    def change(self, name: str, status: Resource, **metadata: Any) -> None:
        """Give a pod another state."""
        pod = self.pods[name]
        self.pods[name] = {**pod, "status": status, "metadata": {**pod["metadata"], **metadata}}
        self._tell("pods", "MODIFIED", self.pods[name])

    def say(self, name: str, reason: str, message: str = "") -> None:
        """Add an event about a pod."""
        self._number += 1
        event = {
            "metadata": {
                "name": f"{name}.{self._number}",
                "namespace": NAMESPACE,
                "uid": f"event-{self._number}",
                "resourceVersion": "1",
            },
            "involvedObject": {"name": name, "namespace": NAMESPACE, "uid": self.pods[name]["metadata"]["uid"]},
            "lastTimestamp": f"2026-01-01T00:00:{self._number:02}Z",
            "type": "Normal",
            "reason": reason,
            "message": message,
        }
        self._events[event["metadata"]["name"]] = event
        self._tell("events", "ADDED", event)

    def go_away(self) -> None:
        """Answer nobody, and drop those who watch."""
        self.is_away = True
        for stream in [stream for streams in self._streams.values() for stream in streams]:
            stream.lines.put_nowait(None)

    def _answer(self, kind: str, resources: dict[str, Resource], watch: bool) -> Stream:
        if self.is_away:
            raise ConnectionRefusedError
        if not watch:
            return Stream({"metadata": {"resourceVersion": "1"}, "items": list(resources.values())})
        self._streams[kind].append(Stream())
        return self._streams[kind][-1]

    def _tell(self, kind: str, change: str, resource: Resource) -> None:
        for stream in [] if self.is_mute else self._streams[kind]:
            stream.lines.put_nowait(json.dumps({"type": change, "object": resource}).encode())
