from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from gateway_objects import CLUSTER, NAMESPACE, PREFIX, ingress_route, ingress_route_tcp
from z2jh_dask_gateway.routes import RefusedRouteError, Route, RouteTable, route_of


def test_route_of_dashboard() -> None:
    assert route_of(ingress_route(), "IngressRoute", NAMESPACE, PREFIX).as_json() == {
        "kind": "PATH",
        "path": f"{PREFIX}/clusters/{NAMESPACE}.{CLUSTER}/",
        "target": f"http://dask-{CLUSTER}.{NAMESPACE}:8787",
    }


def test_route_of_scheduler_has_the_name_that_the_proxy_looks_for() -> None:
    # The proxy takes "daskgateway-" off a client's server name before it looks.
    assert route_of(ingress_route_tcp(), "IngressRouteTCP", NAMESPACE, PREFIX).as_json() == {
        "kind": "SNI",
        "sni": f"{NAMESPACE}.{CLUSTER}",
        "target": f"tls://dask-{CLUSTER}.{NAMESPACE}:8786",
    }


def set_deep(item: dict[str, Any], path: list[Any], value: Any) -> dict[str, Any]:
    node: Any = item
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return item


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["metadata", "name"], "hub"),
        (["metadata", "namespace"], "kube-system"),
        (["metadata", "labels"], {}),
        (["metadata", "labels", "gateway.dask.org/cluster"], "../../hub"),
        (["spec", "routes", 0, "match"], "PathPrefix(`/`)"),
        (["spec", "routes", 0, "services", 0, "name"], "hub"),
        (["spec", "routes", 0, "services", 0, "namespace"], "kube-system"),
        (["spec", "routes", 0, "services", 0, "port"], 8081),
        (["spec", "routes", 0, "services", 0, "scheme"], "https"),
        (["spec", "routes", 0, "services"], []),
        (["spec", "routes"], []),
        (["spec"], {}),
    ],
)
@pytest.mark.parametrize("kind", ["IngressRoute", "IngressRouteTCP"])
def test_route_of_refuses_any_other_shape(kind: str, path: list[Any], value: Any) -> None:
    item = ingress_route() if kind == "IngressRoute" else ingress_route_tcp()
    with pytest.raises(RefusedRouteError):
        route_of(set_deep(item, path, value), kind, NAMESPACE, PREFIX)


def test_route_of_refuses_tls_that_ends_at_the_proxy() -> None:
    with pytest.raises(RefusedRouteError):
        route_of(set_deep(ingress_route_tcp(), ["spec", "tls"], {}), "IngressRouteTCP", NAMESPACE, PREFIX)


ONE, TWO = Route("SNI", "one", "tls://one"), Route("SNI", "two", "tls://two")


def test_table_numbers_changes() -> None:
    table = RouteTable([], ["tcp"])
    begin = table.newest
    table.put("tcp", "one", ONE)
    table.put("tcp", "one", ONE)
    table.remove("tcp", "one")
    table.remove("tcp", "one")
    assert table.changes_after(begin) == [
        {"id": begin + 1, "type": "PUT", "route": ONE.as_json()},
        {"id": begin + 2, "type": "DELETE", "route": {"kind": "SNI", "sni": "one"}},
    ]
    assert table.changes_after(begin + 1) == [
        {"id": begin + 2, "type": "DELETE", "route": {"kind": "SNI", "sni": "one"}}
    ]
    assert table.changes_after(begin + 2) == []


def test_table_does_not_know_other_numbers() -> None:
    table = RouteTable([], [])
    assert table.changes_after(0) is None
    assert table.changes_after(table.newest + 1) is None


def test_table_forgets_old_changes_but_no_routes() -> None:
    table = RouteTable([], ["tcp"], keep=4)
    begin = table.newest
    for number in range(10):
        table.put("tcp", str(number), Route("SNI", str(number), "tls://x"))
    assert table.changes_after(begin) is None
    assert [change["id"] for change in table.changes_after(begin + 8) or []] == [begin + 9, begin + 10]
    assert len(table.snapshot()["routes"]) == 10


def test_table_replaces_what_a_source_told_before() -> None:
    table = RouteTable([], ["tcp"])
    table.replace("tcp", {"one": ONE})
    begin = table.newest
    table.replace("tcp", {"two": TWO})
    assert [(change["type"], change["route"]["sni"]) for change in table.changes_after(begin) or []] == [
        ("DELETE", "one"),
        ("PUT", "two"),
    ]


async def test_table_is_ready_when_every_source_has_told() -> None:
    table = RouteTable([], ["http", "tcp"])
    table.replace("http", {})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(table.ready.wait(), 0.01)
    table.replace("tcp", {})
    await asyncio.wait_for(table.ready.wait(), 1)


async def test_table_wakes_all_who_wait() -> None:
    table = RouteTable([], ["tcp"])
    waiting = [asyncio.create_task(table.changed()) for _ in range(3)]
    await asyncio.sleep(0)
    table.put("tcp", "one", ONE)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*waiting), 1)
    assert all(task.done() and not task.cancelled() for task in waiting)
