"""What the cluster's DNS answers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, StrictUndefined

SOURCE = Path(__file__).parents[2] / "roles/dns/templates/Corefile.j2"


@pytest.fixture
def corefile() -> list[str]:
    """Return the lines of the Corefile of a place with stand-ins."""
    environment = Environment(undefined=StrictUndefined, trim_blocks=True)  # noqa: S701
    template = environment.from_string(SOURCE.read_text(encoding="utf-8"))
    return template.render(dns_rewrites={"mast.stsci.edu": "mast.archive.svc.cluster.local"}).splitlines()


@pytest.fixture
def objects() -> dict[str, Any]:
    """Return what role dns applies, by kind."""
    environment = Environment(undefined=StrictUndefined)  # noqa: S701
    environment.filters["to_json"] = json.dumps
    template = environment.from_string(SOURCE.with_name("coredns.yaml.j2").read_text(encoding="utf-8"))
    rendered = template.render(dns_image="coredns", lookup=lambda *_: "")
    return {item["kind"]: item for item in yaml.safe_load_all(rendered)}


@pytest.fixture
def container(objects: dict[str, Any]) -> dict[str, Any]:
    """Return the container of each node's pod."""
    (only,) = objects["DaemonSet"]["spec"]["template"]["spec"]["containers"]
    return dict(only)


def test_pods_ask_their_own_node_first(objects: dict[str, Any]) -> None:
    """Cilium is told to heed it (tests/charts/test_cilium.py)."""
    assert objects["Service"]["spec"] == {"trafficDistribution": "PreferSameNode"}


def test_no_port_of_a_container_is_named_twice(container: dict[str, Any]) -> None:
    """kubernetes.core merges ports by their number alone, and would change them with every other run."""
    ports = [port["containerPort"] for port in container["ports"]]
    assert len(set(ports)) == len(ports) > 0


def test_the_upstream_program_may_start(container: dict[str, Any]) -> None:
    """It is marked with this capability (setcap in CoreDNS's Dockerfile): exec fails without."""
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}


def test_kubernetes_answers_no_reverse_lookups(corefile: list[str]) -> None:
    """The names of pods, and so of Dask clusters, are not found by their addresses."""
    assert [line.split() for line in corefile if line.split()[0] == "kubernetes"] == [
        ["kubernetes", "cluster.local", "{"]
    ]
    assert not [line for line in corefile if "fallthrough" in line]


def test_private_reverse_lookups_go_nowhere(corefile: list[str]) -> None:
    """Nor is anybody outside asked for them."""
    (at,) = (number for number, line in enumerate(corefile) if line.split()[0] == "template")
    zones = corefile[at].split()
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"} <= set(zones)
    assert corefile[at + 1].split() == ["rcode", "NXDOMAIN"]
    assert [line.split()[0] for line in corefile].index("forward") > at


def test_coredns_has_the_plugins(corefile: list[str]) -> None:
    """Ours is built with some of them; one that it lacks would keep it from starting."""
    program = (SOURCE.parents[2] / "artifacts/files/go/coredns/main.go").read_text(encoding="utf-8")
    built = set(re.findall(r'coredns/plugin/(\w+)"', program))
    used = {line.split()[0] for line in corefile if re.match(r" {4}[a-z]", line)}
    assert {"prometheus", "template", "kubernetes"} <= used
    assert {"metrics" if name == "prometheus" else name for name in used} <= built


def test_stand_ins_are_found(corefile: list[str]) -> None:
    """A name of the outside leads to the service that stands in for it."""
    assert "    rewrite name exact mast.stsci.edu mast.archive.svc.cluster.local answer auto" in corefile
