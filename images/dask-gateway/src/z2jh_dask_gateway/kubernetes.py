"""Following objects of a namespace: list, watch, and list again when the watch has lost its place."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiohttp

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
WATCH_SECONDS = 60
LONGEST_PAUSE = 8.0

log = logging.getLogger(__name__)


class Follower(Protocol):
    """What is told about objects."""

    def listed(self, items: list[dict[str, Any]]) -> None:
        """Take these as all objects there are."""

    def changed(self, item: dict[str, Any], deleted: bool) -> None:
        """Take one object that was added, modified or deleted."""


class LostPlaceError(Exception):
    """The API server does not know any more what changed since then."""


@dataclass
class ApiServer:
    """The API server, spoken to as the pod's service account."""

    session: aiohttp.ClientSession
    address: str
    token_file: Path
    trust: ssl.SSLContext | bool = True

    @classmethod
    def of_pod(cls, session: aiohttp.ClientSession) -> ApiServer:
        """Find it as every pod does."""
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
        host = f"[{host}]" if ":" in host else host
        trust = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
        return cls(session, f"https://{host}:{port}", ACCOUNT / "token", trust)

    def _get(self, path: str, query: dict[str, str], timeout: float) -> Any:
        # The kubelet renews the token's file before it expires.
        headers = {"Authorization": f"Bearer {self.token_file.read_text().strip()}", "Accept": "application/json"}
        return self.session.get(
            self.address + path,
            params=query,
            headers=headers,
            ssl=self.trust,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=timeout),
            raise_for_status=True,
        )

    async def _list(self, path: str, selector: str) -> tuple[list[dict[str, Any]], str]:
        async with self._get(path, {"labelSelector": selector}, 30) as response:
            found = await response.json()
        return found["items"], found["metadata"]["resourceVersion"]

    async def _watch(self, path: str, selector: str, version: str) -> AsyncIterator[dict[str, Any]]:
        query = {
            "labelSelector": selector,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        async with self._get(path, query, WATCH_SECONDS + 15) as response:
            async for line in response.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise LostPlaceError(event["object"].get("message", "unknown"))
                yield event

    async def follow(self, path: str, selector: str, follower: Follower) -> None:
        """Tell the follower about all objects, for ever. What it knows stays while the API server is away."""
        pause = 0.5
        while True:
            try:
                items, version = await self._list(path, selector)
                follower.listed(items)
                pause = 0.5
                while True:
                    async for event in self._watch(path, selector, version):
                        version = event["object"]["metadata"]["resourceVersion"]
                        if event["type"] != "BOOKMARK":
                            follower.changed(event["object"], event["type"] == "DELETED")
            except LostPlaceError as lost:
                log.info("%s: listing again: %s", path, lost)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError) as error:
                log.warning("%s: %s: %s; again in %.1f s", path, type(error).__name__, error, pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
