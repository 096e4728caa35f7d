"""Objects as the controller writes them, and an API server that serves them."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

from aiohttp import web

NAMESPACE = "jupyterhub"
PREFIX = "/services/dask-gateway"
CLUSTER = "0123456789abcdef0123456789abcdef"


def ingress_route(cluster: str = CLUSTER) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"dask-{cluster}",
            "namespace": NAMESPACE,
            "labels": {"gateway.dask.org/cluster": cluster},
        },
        "spec": {
            "entryPoints": ["web"],
            "routes": [
                {
                    "kind": "Rule",
                    "match": f"PathPrefix(`{PREFIX}/clusters/{NAMESPACE}.{cluster}/`)",
                    "services": [{"name": f"dask-{cluster}", "namespace": NAMESPACE, "port": 8787}],
                    "middlewares": [{"name": "clusters-prefix-dask-gateway", "namespace": NAMESPACE}],
                }
            ],
        },
    }


def ingress_route_tcp(cluster: str = CLUSTER) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"dask-{cluster}",
            "namespace": NAMESPACE,
            "labels": {"gateway.dask.org/cluster": cluster},
        },
        "spec": {
            "entryPoints": ["web"],
            "routes": [
                {
                    "match": f"HostSNI(`daskgateway-{NAMESPACE}.{cluster}`)",
                    "services": [{"name": f"dask-{cluster}", "namespace": NAMESPACE, "port": 8786}],
                }
            ],
            "tls": {"passthrough": True},
        },
    }


class FakeApiServer:
    """Lists and watches of some objects, the way Kubernetes answers them."""

    def __init__(self) -> None:
        self.version = 1
        self.objects: dict[str, dict[str, Any]] = {"ingressroutes": {}, "ingressroutetcps": {}}
        self.watchers: dict[str, list[asyncio.Queue[dict[str, Any] | None]]] = {key: [] for key in self.objects}
        self.lists = 0
        self.away = False

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get(f"/apis/traefik.io/v1alpha1/namespaces/{NAMESPACE}/{{plural}}", self.answer)
        return app

    def tell(self, plural: str, change: str, item: dict[str, Any]) -> None:
        self.version += 1
        item = copy.deepcopy(item)
        item["metadata"]["resourceVersion"] = str(self.version)
        if change == "DELETED":
            del self.objects[plural][item["metadata"]["name"]]
        else:
            self.objects[plural][item["metadata"]["name"]] = item
        for queue in self.watchers[plural]:
            queue.put_nowait({"type": change, "object": item})

    def send(self, plural: str, event: dict[str, Any] | None) -> None:
        for queue in self.watchers[plural]:
            queue.put_nowait(event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == "Bearer token-of-the-pod"
        assert request.query["labelSelector"] == "gateway.dask.org/instance=dask-gateway"
        if self.away:
            raise web.HTTPServiceUnavailable
        plural = request.match_info["plural"]
        if "watch" not in request.query:
            self.lists += 1
            items = list(self.objects[plural].values())
            return web.json_response({"items": items, "metadata": {"resourceVersion": str(self.version)}})
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.watchers[plural].append(queue)
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while event := await queue.get():
                await response.write(json.dumps(event).encode() + b"\n")
        finally:
            self.watchers[plural].remove(queue)
        return response
