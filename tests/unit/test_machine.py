"""What a machine lacks is said in one sentence, and a port of ours is not a stranger's."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from loading import load

findings = load("plugins/filter/machine.py").machine_findings
probe = load("plugins/modules/machine_probe.py")
GOOD: dict[str, Any] = {
    "uid": 0,
    "memory_mib": 8192,
    "free_mib": {"/var/cache/z2jh": 30 * 1024},
    "taken": {},
    "networks": [{"network": "10.89.40.0/24", "device": "podman1", "address": "10.89.40.1"}],
    "unreached": {},
    "unknown": [],
}
NETWORKS = {"node_cidr": "10.89.40.0/24", "pod_cidr": "10.244.0.0/16"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"uid": 1000}, "Only root can make nodes and images on this machine: run it as root (sudo make up)."),
        ({"memory_mib": 4096}, "This machine has 4.0 GiB of memory and 6 GiB are needed: use a larger one."),
        (
            {"free_mib": {"/var/cache/z2jh": 2560}},
            "/var/cache/z2jh has 2.5 GiB of free disk and 25 GiB are needed: free some, or mount a larger disk there.",
        ),
        (
            {"taken": {"8443": "nginx"}},
            "Port 8443 of this machine is taken by nginx: "
            "stop it, or set another hub_port, hub_http_port or github_standin_port.",
        ),
        (
            {"networks": [{"network": "10.89.0.0/16", "device": "tun0", "address": ""}]},
            "node_cidr 10.89.40.0/24 overlaps 10.89.0.0/16, which this machine reaches by tun0: choose another "
            "node_cidr.",
        ),
        (
            {"networks": [{"network": "10.244.7.0/24", "device": "eth1", "address": "10.244.7.2"}]},
            "pod_cidr 10.244.0.0/16 overlaps 10.244.7.0/24, which this machine reaches by eth1: choose another "
            "pod_cidr.",
        ),
        (
            {"unknown": ["hub.example.org"]},
            "The name hub.example.org (hub_hostname) is not known here: make a DNS record that leads to a node, "
            "or to the load balancer before the nodes.",
        ),
        (
            {"unknown": ["anyone.hub.example.org"]},
            "Names below hub.example.org, where people's servers would be, are not known here: make a DNS record of "
            "*.hub.example.org like that of hub_hostname, or set hub_user_domains to false (docs/security.md says what "
            "that gives up).",
        ),
    ],
)
def test_what_a_machine_lacks_is_said(change: dict[str, Any], sentence: str) -> None:
    assert findings(GOOD | change, memory_gib=6, disk_gib=25, networks=NETWORKS) == [sentence]


def test_a_good_machine_passes() -> None:
    assert findings(GOOD, memory_gib=6, disk_gib=25, networks=NETWORKS) == []
    assert findings(GOOD | {"memory_mib": 5900}, memory_gib=6, disk_gib=25) == []


def test_a_port_that_is_listened_on_is_taken_by_its_program() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert list(probe.taken([port], [])) == [str(port)]
        assert "python" in probe.taken([port], [])[str(port)] or "pytest" in probe.taken([port], [])[str(port)]
    assert probe.taken([port], []) == {}


def test_a_port_that_podman_holds_for_our_node_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "listening", lambda ports, address: {"77": 8443})
    monkeypatch.setattr(probe, "holders", lambda inodes: [("77", ["/usr/bin/conmon", "--syslog", "-n", "z2jh-cp1"])])
    assert probe.taken([8443], ["z2jh-cp1"]) == {}
    assert probe.taken([8443], ["other"]) == {"8443": "conmon"}


def test_a_file_system_is_measured_once_at_the_nearest_folder(tmp_path: Path) -> None:
    free = probe.free_mib([str(tmp_path / "not" / "there"), str(tmp_path)])
    assert list(free) == [str(tmp_path / "not" / "there")]
    assert free[str(tmp_path / "not" / "there")] > 0
