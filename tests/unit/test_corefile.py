"""What the cluster's DNS answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import Environment, StrictUndefined

SOURCE = Path(__file__).parents[2] / "roles/dns/templates/Corefile.j2"


@pytest.fixture
def corefile() -> list[str]:
    """Return the lines of the Corefile of a place with stand-ins."""
    environment = Environment(undefined=StrictUndefined, trim_blocks=True)  # noqa: S701
    template = environment.from_string(SOURCE.read_text(encoding="utf-8"))
    return template.render(dns_rewrites={"mast.stsci.edu": "mast.archive.svc.cluster.local"}).splitlines()


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
