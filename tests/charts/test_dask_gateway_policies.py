"""The NetworkPolicies of role dask_gateway: who may speak with whom."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest
import yaml
from jinja2 import Environment, FileSystemLoader
from rendering import NETWORKS_CLOSED, ROOT

ROLE = ROOT / "roles" / "dask_gateway"
ARCHIVE = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["__dask_gateway_egress_of_places"]["local"]
USER = {"app": "jupyterhub", "component": "singleuser-server"}
HUB = {"app": "jupyterhub", "component": "hub"}
DNS = {"k8s-app": "kube-dns"}


def part(component: str) -> dict[str, str]:
    """Return the labels of a pod of the gateway or of a cluster."""
    return {"app.kubernetes.io/name": "dask-gateway", "app.kubernetes.io/component": component}


SCHEDULER, WORKER, API, PROXY, CONTROLLER = map(
    part, ("dask-scheduler", "dask-worker", "gateway", "traefik", "controller")
)


@pytest.fixture(scope="module")
def policies() -> list[dict[str, Any]]:
    """Render them as Ansible does."""
    environment = Environment(loader=FileSystemLoader(ROLE / "templates"), trim_blocks=True, autoescape=False)  # noqa: S701
    environment.filters["to_json"] = json.dumps
    text = environment.get_template("networkpolicies.yaml.j2").render(
        dask_gateway_cluster_egress=ARCHIVE,
        dask_gateway_api_server_ports=[6443],
        dask_gateway_closed_networks=NETWORKS_CLOSED,
    )
    return list(yaml.safe_load_all(text))


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Say whether a selector takes a pod."""
    expressions = selector.get("matchExpressions", [])
    assert all(item["operator"] == "In" for item in expressions)
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(item["key"]) in item["values"] for item in expressions
    )


def peer_takes(peer: dict[str, Any], other: dict[str, str] | str, namespace: str) -> bool:
    """Say whether a rule's peer is this pod, or this address outside of the cluster."""
    if isinstance(other, str):
        block, address = peer.get("ipBlock"), ipaddress.ip_address(other)
        return (
            bool(block)
            and address in ipaddress.ip_network(block["cidr"])
            and not any(address in ipaddress.ip_network(item) for item in block["except"])
        )
    if "ipBlock" in peer:
        return False
    named = peer.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name", "jupyterhub")
    return named == namespace and selects(peer.get("podSelector", {}), other)


def allowed(
    policies: list[dict[str, Any]],
    direction: str,
    pod: dict[str, str],
    other: dict[str, str] | str,
    port: int,
    namespace: str = "jupyterhub",
) -> bool:
    """Say whether the policies of a pod let it speak with another."""
    own = [item["spec"] for item in policies if selects(item["spec"]["podSelector"], pod)]
    assert own, "no policy selects it: everything would be open"
    side = {"ingress": "from", "egress": "to"}[direction]
    return any(
        ("ports" not in rule or port in {item["port"] for item in rule["ports"]})
        and (side not in rule or any(peer_takes(peer, other, namespace) for peer in rule[side]))
        for spec in own
        for rule in spec[direction]
    )


def speaks(policies: list[dict[str, Any]], client: dict[str, str], server: dict[str, str], port: int) -> bool:
    """Say whether both ends let them speak."""
    return allowed(policies, "egress", client, server, port) and allowed(policies, "ingress", server, client, port)


@pytest.mark.parametrize(
    ("client", "server", "port"),
    [
        (WORKER, SCHEDULER, 8786),
        (WORKER, WORKER, 8786),
        (SCHEDULER, WORKER, 8786),
        (SCHEDULER, API, 8000),
        (PROXY, API, 8000),
        (PROXY, SCHEDULER, 8786),
        (PROXY, SCHEDULER, 8787),
        (API, SCHEDULER, 8788),
    ],
)
def test_open(policies: list[dict[str, Any]], client: dict[str, str], server: dict[str, str], port: int) -> None:
    assert speaks(policies, client, server, port)


@pytest.mark.parametrize(
    ("client", "server", "port"),
    [
        (WORKER, SCHEDULER, 8787),
        (WORKER, SCHEDULER, 8788),
        (WORKER, WORKER, 8787),
        (SCHEDULER, SCHEDULER, 8787),
        (SCHEDULER, WORKER, 8787),
        (WORKER, API, 8000),
        (WORKER, PROXY, 8000),
        (SCHEDULER, PROXY, 8000),
        (WORKER, CONTROLLER, 8000),
        (PROXY, WORKER, 8786),
        (PROXY, CONTROLLER, 8000),
    ],
)
def test_closed(policies: list[dict[str, Any]], client: dict[str, str], server: dict[str, str], port: int) -> None:
    assert not speaks(policies, client, server, port)


def test_people_reach_the_proxy_alone(policies: list[dict[str, Any]]) -> None:
    assert allowed(policies, "ingress", PROXY, USER, 8000)
    for server in (API, CONTROLLER, SCHEDULER, WORKER):
        assert not any(allowed(policies, "ingress", server, USER, port) for port in (8000, 8786, 8787, 8788))


def test_clusters_reach_names_the_archive_and_the_public(policies: list[dict[str, Any]]) -> None:
    for pod in (SCHEDULER, WORKER):
        assert allowed(policies, "egress", pod, DNS, 53, "kube-system")
        assert allowed(policies, "egress", pod, {"app": "s3"}, 7070, "archive")
        assert allowed(policies, "egress", pod, {"app": "mast"}, 8443, "archive")


def test_clusters_reach_no_hub_no_notebook_no_private_address(policies: list[dict[str, Any]]) -> None:
    for pod in (SCHEDULER, WORKER):
        assert not any(allowed(policies, "egress", pod, HUB, port) for port in (8000, 8001, 8081))
        assert not allowed(policies, "egress", pod, USER, 8888)
        assert not allowed(policies, "egress", pod, {"component": "kube-apiserver"}, 6443, "kube-system")


@pytest.mark.parametrize(
    ("address", "open_"),
    [
        ("52.216.1.1", True),
        ("169.254.169.254", False),
        ("10.96.0.1", False),
        ("10.89.40.11", False),
        ("100.100.1.1", False),
        ("168.63.129.16", False),
        ("192.0.2.2", False),
    ],
)
def test_addresses_outside(policies: list[dict[str, Any]], address: str, open_: bool) -> None:
    blocks = [
        peer
        for item in policies
        if item["metadata"]["name"] == "dask-cluster"
        for rule in item["spec"]["egress"]
        for peer in rule["to"]
        if "ipBlock" in peer
    ]
    assert any(peer_takes(peer, address, "") for peer in blocks) is open_


def test_api_server_asks_the_hub(policies: list[dict[str, Any]]) -> None:
    assert allowed(policies, "egress", API, HUB, 8081)
    assert not any(allowed(policies, "egress", pod, HUB, 8081) for pod in (PROXY, CONTROLLER))
