"""What a machine lacks is said in one sentence, and a port of ours is not a stranger's."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from loading import CHECKOUT, load

machine = load("plugins/filter/machine.py")
findings = machine.machine_findings
of_this = load("plugins/filter/nodes.py").this_machine_findings
probe = load("plugins/modules/machine_probe.py")
GOOD: dict[str, Any] = {
    "uid": 0,
    "cpus": 2,
    "swap_mib": 0,
    "system": {"id": "debian", "version": "12", "name": "Debian GNU/Linux 12 (bookworm)"},
    "memory_mib": 8192,
    "free_mib": {"/var/cache/z2jh": 30 * 1024},
    "taken": {},
    "networks": [{"network": "10.89.40.0/24", "device": "podman1", "address": "10.89.40.1"}],
    "unreached": {},
    "unknown": [],
}
NETWORKS = {"node_cidr": "10.89.40.0/24", "pod_cidr": "10.244.0.0/16"}


@pytest.mark.parametrize(
    ("missing", "without", "needed"),
    [
        (["status.yml", "kubelet", "etcd"], 12, 25),
        # A run that was cut off after it had built one of two; whatever it has stored needs no room again.
        (["status.yml", "etcd"], 12, 19),
        (["status.yml"], 12, 12),
        # A platform that runs, and one of its programs is of another version now.
        (["etcd"], 2, 9),
        ([], 2, 2),
    ],
)
def test_only_programs_that_are_missing_need_disk_to_be_built(missing: list[str], without: int, needed: int) -> None:
    assert machine.disk_needed(missing, ["kubelet", "etcd"], without, 13) == needed


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


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"system": {"id": "fedora", "version": "44", "name": "Fedora Linux 44"}},
            "This machine runs Fedora Linux 44: use Debian 12 or newer, or Ubuntu 24.04 or newer.",
        ),
        (
            {"system": {"id": "debian", "version": "11", "name": "Debian GNU/Linux 11 (bullseye)"}},
            "This machine runs Debian GNU/Linux 11 (bullseye): use Debian 12 or newer, or Ubuntu 24.04 or newer.",
        ),
        ({"cpus": 1}, "This machine has too few CPUs, 1, and 2 are needed: use a larger machine."),
        (
            {"swap_mib": 2048},
            "This machine has 2.0 GiB of swap on, into which Secrets of the cluster would be written: turn it off "
            "(swapoff -a) and take it out of /etc/fstab.",
        ),
    ],
)
def test_what_keeps_this_machine_from_holding_nodes_is_said(change: dict[str, Any], sentence: str) -> None:
    assert of_this(GOOD | change, cpus=2) == [sentence]
    assert of_this(GOOD, cpus=2) == []


def test_it_is_refused_before_there_is_a_platform_and_never_after(tmp_path: Path) -> None:
    """As role preflight asks: swap under a platform that runs already must not end its runs."""
    asks = yaml.safe_load((CHECKOUT / "roles/preflight/tasks/machine.yml").read_text())[-1]["vars"]
    common = yaml.safe_load((CHECKOUT / "roles/preflight/defaults/main.yml").read_text()) | NETWORKS
    common |= {"service_cidr": "10.96.0.0/16", "__preflight_deployed_file": "/status", "kubeconfig_path": "/none"}
    common |= {"__preflight_programs": ["/kubelet"]}
    new = ["/status", "/kubelet"]
    cases = {"new": ("local", new), "running": ("local", []), "elsewhere": ("hosts", new)}
    # There is room for what has to be built, and not for a GiB more.
    free = {"new": 25, "running": 2, "elsewhere": 25}
    hosts = {
        name: {
            "place": place,
            "__preflight_machine": GOOD
            | {"swap_mib": 2048, "missing": missing, "free_mib": {"/var/cache/z2jh": free[name] * 1024}},
        }
        for name, (place, missing) in cases.items()
    }
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": common}}))
    tasks = [{"ansible.builtin.debug": {"var": "__preflight_findings"}, "vars": asks}]
    (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    run = subprocess.run(
        ["ansible-playbook", "-i", f"{tmp_path}/hosts.json", f"{tmp_path}/play.yml"],
        cwd=CHECKOUT,
        env=os.environ | {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_HOME": f"{tmp_path}/home"},
        capture_output=True,
        text=True,
        check=False,
    )
    # This callback notes a task's hosts together only for the strategies that it knows.
    tasks = json.loads(run.stdout[run.stdout.index("{") :])["plays"][0]["tasks"]
    said = {host: result for task in tasks for host, result in task["hosts"].items()}
    assert {name: len(said[name]["__preflight_findings"]) for name in cases} == {"new": 1, "running": 0, "elsewhere": 0}


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


def test_networks_are_joined_by_those_that_lie_in_none_of_them() -> None:
    private = ["10.0.0.0/8", "192.168.0.0/16"]
    others = ["192.0.2.2", "10.89.40.1", "198.51.100.0/24", "192.0.2.2"]
    assert machine.with_networks(private, others) == [*private, "192.0.2.2/32", "198.51.100.0/24"]
