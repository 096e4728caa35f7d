"""Routes of the gateway's proxy: which objects become one, and the table that the proxy reads."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

CLUSTER_NAME = re.compile(r"[0-9a-f]{32}")


class RefusedRouteError(ValueError):
    """An object that is not exactly what the controller writes for a cluster."""


@dataclass(frozen=True)
class Route:
    """One route: requests under a path, or TLS connections for a server name, go to a target."""

    kind: Literal["PATH", "SNI"]
    key: str
    target: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the route as the proxy reads it."""
        route = {"kind": self.kind, "path" if self.kind == "PATH" else "sni": self.key}
        return route | {"target": self.target} if self.target else route


def route_of(item: Mapping[str, Any], kind: str, namespace: str, prefix: str) -> Route:
    """Return the route that an IngressRoute or IngressRouteTCP of a cluster stands for.

    The target follows from the cluster's name alone and everything else has to agree with it: whoever can write such
    an object still cannot lead people elsewhere.
    """
    metadata = item["metadata"]
    cluster = metadata.get("labels", {}).get("gateway.dask.org/cluster", "")
    service = f"dask-{cluster}"
    if not CLUSTER_NAME.fullmatch(cluster) or (metadata["namespace"], metadata["name"]) != (namespace, service):
        raise RefusedRouteError(
            f"{kind} {metadata['namespace']}/{metadata['name']} has not the name of a cluster's route"
        )
    full_name = f"{namespace}.{cluster}"
    if kind == "IngressRoute":
        route = Route("PATH", f"{prefix}/clusters/{full_name}/", f"http://{service}.{namespace}:8787")
        expected: dict[str, Any] = {"kind": "Rule", "match": f"PathPrefix(`{route.key}`)"}
        port = 8787
    else:
        route = Route("SNI", full_name, f"tls://{service}.{namespace}:8786")
        expected = {"match": f"HostSNI(`daskgateway-{full_name}`)"}
        port = 8786
    expected["services"] = [{"name": service, "namespace": namespace, "port": port}]
    spec = item.get("spec", {})
    found = [{key: value for key, value in rule.items() if key != "middlewares"} for rule in spec.get("routes", [])]
    if found != [expected] or (kind == "IngressRouteTCP" and spec.get("tls") != {"passthrough": True}):
        raise RefusedRouteError(f"{kind} {namespace}/{service} is not of the shape that the controller writes")
    return route


class RouteTable:
    """The routes, and the latest changes of them by number.

    Numbers start at the wall clock's milliseconds: a proxy that still follows an earlier process of ours then asks for
    a number below our first, and is told to read the whole table.
    """

    def __init__(self, fixed: Iterable[Route], sources: Iterable[str], keep: int = 1000) -> None:
        """Make a table with some fixed routes, ready once every source has told its routes."""
        self._fixed = tuple(fixed)
        self._routes: dict[str, dict[str, Route]] = {}
        self._waiting_for = set(sources)
        self._oldest = time.time_ns() // 1_000_000
        self._changes: list[dict[str, Any]] = []
        self._keep = keep
        self._changed = asyncio.Event()
        self.ready = asyncio.Event()

    @property
    def newest(self) -> int:
        """The number of the latest change."""
        return self._oldest + len(self._changes)

    def snapshot(self) -> dict[str, Any]:
        """Return all routes, as the proxy reads them."""
        routes = [*self._fixed, *(route for known in self._routes.values() for route in known.values())]
        return {"routes": [route.as_json() for route in routes], "id": self.newest}

    def changes_after(self, number: int) -> list[dict[str, Any]] | None:
        """Return the changes after a number; nothing if they are not known (any more)."""
        if not self._oldest <= number <= self.newest:
            return None
        return self._changes[number - self._oldest :]

    async def changed(self) -> None:
        """Wait for the next change."""
        await self._changed.wait()

    def put(self, source: str, name: str, route: Route) -> None:
        """Add or change a route."""
        known = self._routes.setdefault(source, {})
        if known.get(name) != route:
            known[name] = route
            self._tell("PUT", route)

    def remove(self, source: str, name: str) -> None:
        """Remove a route, if there is one."""
        route = self._routes.get(source, {}).pop(name, None)
        if route:
            self._tell("DELETE", Route(route.kind, route.key))

    def replace(self, source: str, routes: Mapping[str, Route]) -> None:
        """Take these routes in place of all that the source told before."""
        for name in set(self._routes.get(source, {})) - set(routes):
            self.remove(source, name)
        for name, route in routes.items():
            self.put(source, name, route)
        self._waiting_for.discard(source)
        if not self._waiting_for:
            self.ready.set()

    def _tell(self, change: str, route: Route) -> None:
        if len(self._changes) >= self._keep:
            dropped = self._keep // 2
            self._changes = self._changes[dropped:]
            self._oldest += dropped
        self._changes.append({"id": self.newest + 1, "type": change, "route": route.as_json()})
        self._changed.set()
        self._changed = asyncio.Event()
