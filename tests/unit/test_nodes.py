"""What keeps machines from becoming nodes is said in one sentence, with the machine's name and the remedy."""

from __future__ import annotations

import copy
import datetime
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from loading import CHECKOUT, load

findings = load("plugins/filter/nodes.py").nodes_findings
probe = load("plugins/modules/machine_probe.py")

MARKS = ["/etc/kubernetes", "/etc/z2jh-registry"]
PROGRAMS = ["/usr/bin/dockerd", "/usr/bin/containerd", "/usr/sbin/haproxy"]
NEEDS = {"cpus": 2, "memory_gib": 3, "disk_gib": 20, "disk_running_gib": 2, "clock_seconds": 30}
NETWORKS = {"pod_cidr": "10.244.0.0/16", "service_cidr": "10.96.0.0/16"}
ADDRESSES = {"cp1": "192.0.2.11", "worker1": "192.0.2.12"}
GIB = 1024


def machine(name: str, **change: Any) -> dict[str, Any]:
    """Return what the probe finds on a good machine, with a change."""
    good: dict[str, Any] = {
        "uid": 0,
        "cpus": 2,
        "memory_mib": 4 * GIB,
        "swap_mib": 0,
        "free_mib": {"/var/lib": 40 * GIB},
        "taken": {},
        "missing": MARKS + PROGRAMS,
        "noted": [],
        "ca": "",
        "node": {},
        "system": {
            "id": "debian",
            "version": "12",
            "name": "Debian GNU/Linux 12 (bookworm)",
            "architecture": "x86_64",
            "hostname": name,
            "machine_id": f"id of {name}",
        },
        "ahead": 1.0,
        "networks": [
            {"network": "192.0.2.0/24", "device": "eth0", "address": ADDRESSES.get(name, "")},
            {"network": "172.17.0.0/16", "device": "eth1", "address": "172.17.0.9"},
        ],
        "unreached": {},
    }
    good["system"] |= change.pop("system", {})
    return copy.deepcopy(good | change)


def said(worker: dict[str, Any], **more: Any) -> list[str]:
    """Return the findings about a good control plane and this worker."""
    arguments: dict[str, Any] = {
        "addresses": ADDRESSES,
        "needs": NEEDS,
        "networks": NETWORKS,
        "architecture": "x86_64",
    }
    return findings({"cp1": machine("cp1"), "worker1": worker}, **(arguments | more))  # type: ignore[no-any-return]


BAD: list[tuple[dict[str, Any], str]] = [
    (
        {"system": {"version": "11", "name": "Debian GNU/Linux 11 (bullseye)"}},
        "worker1 runs Debian GNU/Linux 11 (bullseye): use Debian 12 or newer, or Ubuntu 24.04 or newer.",
    ),
    (
        {"system": {"id": "ubuntu", "version": "22.04", "name": "Ubuntu 22.04.5 LTS"}},
        "worker1 runs Ubuntu 22.04.5 LTS: use Debian 12 or newer, or Ubuntu 24.04 or newer.",
    ),
    (
        {"system": {"id": "fedora", "version": "44", "name": "Fedora Linux 44"}},
        "worker1 runs Fedora Linux 44: use Debian 12 or newer, or Ubuntu 24.04 or newer.",
    ),
    (
        {"system": {"architecture": "aarch64"}},
        "worker1 is a machine of kind aarch64, and programs are made on this one for x86_64: use machines of one kind.",
    ),
    (
        {"uid": 1000},
        "worker1 is reached as a user who is not root: set ansible_become=true beside it in the inventory.",
    ),
    (
        {"missing": MARKS + PROGRAMS[1:]},
        "worker1 runs Docker, whose containerd the cluster would take over: remove Docker there, or use another "
        "machine.",
    ),
    (
        {"missing": MARKS + PROGRAMS[:2]},
        "worker1 has haproxy already, which is not of this platform and would lose its configuration: take it off "
        "there, or use another machine.",
    ),
    (
        {"missing": MARKS + PROGRAMS[::2], "noted": ["haproxy"]},
        "worker1 has containerd already, which is not of this platform and would lose its configuration: take it off "
        "there, or use another machine.",
    ),
    ({"cpus": 1}, "worker1 has too few CPUs, 1, and 2 are needed: use a larger machine."),
    ({"memory_mib": 2 * GIB}, "worker1 has 2.0 GiB of memory and 3 GiB are needed: use a larger machine."),
    (
        {"free_mib": {"/var/lib": 5 * GIB}},
        "/var/lib of worker1 has 5.0 GiB of free disk and 20 GiB are needed: free some, or mount a larger disk there.",
    ),
    (
        {"swap_mib": 2 * GIB},
        "worker1 has 2.0 GiB of swap on, into which Secrets of the cluster would be written: turn it off (swapoff -a) "
        "and take it out of /etc/fstab.",
    ),
    ({"taken": {"10250": "k3s"}}, "Port 10250 of worker1 is taken by k3s: stop it there, or use another machine."),
    (
        {"unreached": {"192.0.2.11:6443": "no answer"}},
        "worker1 does not reach 192.0.2.11:6443 (no answer): open that port between the nodes in every firewall on the "
        "way.",
    ),
    (
        {"ahead": 91.0},
        "The clock of worker1 is 91 s ahead of this machine's, and certificates would not be valid: "
        "let both follow network time (apt install systemd-timesyncd).",
    ),
    (
        {"ahead": -99.0},
        "The clock of worker1 is 99 s behind this machine's, and certificates would not be valid: "
        "let both follow network time (apt install systemd-timesyncd).",
    ),
    (
        {"networks": [{"network": "192.0.2.0/24", "device": "eth0", "address": "192.0.2.77"}]},
        "192.0.2.12 is not an address of worker1, which has 192.0.2.77: set node_ip beside it in the inventory.",
    ),
    (
        {"networks": [{"network": "10.244.3.0/24", "device": "tun0", "address": "192.0.2.12"}]},
        "pod_cidr 10.244.0.0/16 overlaps 10.244.3.0/24, which worker1 reaches by tun0: choose another pod_cidr.",
    ),
    (
        {"networks": [{"network": "192.0.2.8/29", "device": "eth0", "address": "192.0.2.12"}]},
        "worker1 (192.0.2.12) is on network 192.0.2.8/29 and cp1 on 192.0.2.0/24: nodes send pods' packets to each "
        "other without a router, so put all of them on one network.",
    ),
    (
        {"system": {"machine_id": "id of cp1"}},
        "cp1 and worker1 are the same machine, or clones with one /etc/machine-id: name a machine once, and give a "
        "clone its own (rm /etc/machine-id, systemd-machine-id-setup, reboot).",
    ),
    (
        {"system": {"hostname": "cp1"}},
        "cp1 and worker1 both have the host name cp1: give each its own (hostnamectl hostname NAME).",
    ),
]


@pytest.mark.parametrize(("change", "sentence"), BAD, ids=[str(change) for change, _ in BAD])
def test_what_keeps_a_machine_from_being_a_node_is_said(change: dict[str, Any], sentence: str) -> None:
    assert sentence in said(machine("worker1", **change))
    assert sentence not in said(machine("worker1"))


# What Mitogen says before the error itself.
MITOGEN = "Task failed: EOF on stream; last 100 lines received:\n"


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (
            {"unreachable": True, "msg": "Permission denied\n(publickey)"},
            "worker1 is not reached by SSH (Permission denied (publickey)): check ansible_host, ansible_user and the "
            "key, and log in once by hand so that its host key is known.",
        ),
        (
            {
                "unreachable": True,
                "msg": MITOGEN + "ssh: connect to host w port 22: No route to host",
            },
            "worker1 is not reached by SSH (ssh: connect to host w port 22: No route to host): check ansible_host, "
            "ansible_user and the key, and log in once by hand so that its host key is known.",
        ),
        (
            {
                "unreachable": True,
                "msg": MITOGEN + "bash: line 1: /usr/bin/python3: No such file or directory",
            },
            "worker1 could not be looked at (bash: line 1: /usr/bin/python3: No such file or directory): install "
            "Python 3 on it (apt install python3).",
        ),
        (
            {"failed": False, "msg": "Missing sudo password"},
            "worker1 does not let its user become root (Missing sudo password): let ansible_user use sudo, and give "
            "its password with scripts/up.sh -K if it needs one.",
        ),
        (
            {"failed": False, "module_stderr": "/bin/sh: 1: /usr/bin/python3: not found"},
            "worker1 could not be looked at (/bin/sh: 1: /usr/bin/python3: not found): install Python 3 on it "
            "(apt install python3).",
        ),
    ],
)
def test_a_machine_that_cannot_be_looked_at_is_named(result: dict[str, Any], sentence: str) -> None:
    assert said(result) == [sentence]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"memory_mib": 2900},
        {"system": {"version": "13"}},
        {"system": {"id": "ubuntu", "version": "24.04"}},
        {"system": {"id": "ubuntu", "version": "26.04"}},
        {"ahead": 21.0},
    ],
)
def test_good_machines_pass(change: dict[str, Any]) -> None:
    assert said(machine("worker1", **change)) == []


def test_what_a_node_of_ours_runs_is_not_a_stranger_there() -> None:
    """A second run meets the kubelet on its port and the pods of other nodes behind routes of the cluster."""
    networks = [*machine("worker1")["networks"], {"network": "10.244.1.0/24", "device": "eth0", "address": ""}]
    change = {"taken": {"10250": "kubelet"}, "networks": networks, "free_mib": {"/var/lib": 5 * GIB}}
    assert said(machine("worker1", missing=[*MARKS[1:], PROGRAMS[0]], **change)) == []
    assert len(said(machine("worker1", **change))) == 3


def test_what_a_run_that_was_cut_off_has_installed_is_not_a_stranger() -> None:
    half_made = machine("worker1", missing=[*MARKS, PROGRAMS[0]], noted=["containerd", "haproxy", "runc"])
    assert said(half_made) == []


def test_role_node_notes_packages_before_it_installs_them() -> None:
    """Cut off between the two, it would take its own packages for a stranger's."""
    tasks = yaml.safe_load((CHECKOUT / "roles/node/tasks/packages.yml").read_text())
    modules = [next(key for key in task if key.startswith("ansible.")) for task in tasks]
    assert modules.index("ansible.builtin.lineinfile") < modules.index("ansible.builtin.apt")


def test_role_preflight_asks_for_all_of_that() -> None:
    asked = yaml.safe_load((CHECKOUT / "roles/preflight/tasks/nodes.yml").read_text())[0]["machine_probe"]
    assert asked["files"] == MARKS + PROGRAMS
    assert asked["note"] == "{{ cluster_node_packages_note }}"
    assert asked["kubelet"] == "/var/lib/kubelet"


def test_the_note_of_packages_is_read(tmp_path: Path) -> None:
    note = tmp_path / "z2jh-packages"
    assert probe.noted(str(note)) == []
    note.write_text("containerd\nhaproxy\n")
    assert probe.noted(str(note)) == ["containerd", "haproxy"]


def test_every_finding_is_said_at_once() -> None:
    assert len(said(machine("worker1", cpus=1, swap_mib=GIB, uid=1000))) == 3


def test_a_peer_that_refuses_is_reached() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        peer = f"127.0.0.1:{free.getsockname()[1]}"
        assert probe.reach(peer) == (peer, "")
        free.listen()
        assert probe.reach(peer) == (peer, "")


@pytest.mark.parametrize(
    ("error", "why"),
    [(OSError(113, "No route to host"), "no route to host"), (TimeoutError("timed out"), "no answer")],
)
def test_a_peer_behind_a_firewall_is_not_reached(monkeypatch: pytest.MonkeyPatch, error: OSError, why: str) -> None:
    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr(probe.socket, "create_connection", refuse)
    assert probe.reach("192.0.2.11:6443") == ("192.0.2.11:6443", why)


def test_networks_are_read_from_routes() -> None:
    routes = [
        {"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"},
        {"dst": "192.0.2.0/24", "dev": "eth0", "prefsrc": "192.0.2.2"},
        {"dst": "10.244.1.0/24", "gateway": "192.0.2.3", "dev": "eth0"},
        {"type": "blackhole", "dst": "198.51.100.0/24"},
        {"dst": "203.0.113.7", "dev": "eth0"},
    ]
    assert probe.networks(routes) == [
        {"network": "192.0.2.0/24", "device": "eth0", "address": "192.0.2.2"},
        {"network": "10.244.1.0/24", "device": "eth0", "address": ""},
    ]


def test_swap_is_summed() -> None:
    assert probe.swap_mib("Filename Type Size Used Priority\n/dev/sda2 partition 2097152 0 -2\n") == 2048
    assert probe.swap_mib("Filename Type Size Used Priority\n") == 0


def test_the_kernel_and_the_system_of_this_machine_are_read() -> None:
    kernel, system = probe.kernel(), probe.system()
    assert isinstance(kernel["cgroup_v2"], bool)
    assert kernel["nofile"] > 0
    assert kernel["nproc"] > 0
    assert kernel["inotify_instances"] > 0
    assert kernel["ip_forward"] in (0, 1)
    assert isinstance(kernel["loop_devices"], bool)
    assert system["id"]
    assert '"' not in system["name"]


def test_a_name_that_is_nobody_s_is_unknown() -> None:
    assert probe.unknown(["localhost", "nobody.invalid"]) == ["nobody.invalid"]


def test_a_node_of_a_cluster_that_this_checkout_does_not_know() -> None:
    node = machine("worker1", missing=PROGRAMS)
    assert said(node, known=True) == []
    (sentence,) = said(node, known=False)
    assert sentence.startswith("worker1 is a node already, and this checkout has no state/ of its cluster")
    # Control: an empty machine is welcome to one that has made none.
    assert said(machine("worker1"), known=False) == []


def test_docker_and_its_containerd_are_one_finding() -> None:
    missing = [*MARKS, "/usr/sbin/haproxy"]
    [sentence] = said(machine("worker1", missing=missing))
    assert sentence.startswith("worker1 runs Docker")


def test_a_module_says_what_it_does() -> None:
    """A colon in a sentence would make it something else than text."""
    for path in sorted(CHECKOUT.glob("plugins/*/*.py")):
        documentation = yaml.safe_load(
            getattr(load(str(path.relative_to(CHECKOUT))), "DOCUMENTATION", "description: []")
        )
        assert all(isinstance(line, str) for line in documentation["description"]), path


def test_a_node_of_another_cluster_is_not_taken_over() -> None:
    (sentence,) = said(machine("worker1", missing=PROGRAMS, ca="theirs"), ca="ours")
    assert sentence == (
        "worker1 is a node of another cluster, which would be lost: correct its address in the inventory, or, if that "
        "cluster may go, take it off there (make down in its own checkout) or install the machine anew."
    )
    # Controls: one of ours, also in a first run that was cut off; one that was reset or never joined; an empty one.
    assert said(machine("worker1", missing=PROGRAMS, ca="ours"), ca="ours") == []
    assert said(machine("worker1", missing=PROGRAMS, ca="ours")) == []
    assert said(machine("worker1", missing=PROGRAMS), ca="ours") == []
    assert said(machine("worker1"), ca="ours") == []


@pytest.mark.parametrize(("name", "address"), [("worker9", "192.0.2.12"), ("worker1", "192.0.2.99")])
def test_a_node_keeps_its_name_and_its_address(name: str, address: str) -> None:
    (sentence,) = said(machine("worker1", missing=PROGRAMS, node={"name": name, "address": address}))
    assert sentence == (
        f"worker1 (192.0.2.12) is in the cluster as {name} ({address}): give it that name and address again, or, "
        "to have it join anew, take its line out, run this, and then name it again (if its address has changed, after "
        "kubeadm reset --force on it)."
    )
    # Control: as it is; another cluster's is one finding.
    assert said(machine("worker1", missing=PROGRAMS, node={"name": "worker1", "address": "192.0.2.12"})) == []
    (other,) = said(
        machine("worker1", missing=PROGRAMS, node={"name": name, "address": address}, ca="theirs"), ca="ours"
    )
    assert "another cluster" in other


def test_how_a_machine_is_a_node_is_read_of_its_kubelet(tmp_path: Path) -> None:
    (tmp_path / "kubeadm-flags.env").write_text(
        'KUBELET_KUBEADM_ARGS="--pod-infra-container-image=p --node-ip=192.0.2.12"\n'
    )
    # kubeadm writes them before the node has joined.
    assert probe.node(str(tmp_path)) == probe.node(str(tmp_path / "none")) == probe.node("") == {}
    key = ec.generate_private_key(ec.SECP256R1())
    names = [(NameOID.ORGANIZATION_NAME, "system:nodes"), (NameOID.COMMON_NAME, "system:node:w.example.org")]
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(*name) for name in names]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "pki").mkdir()
    (tmp_path / "pki/kubelet-client-current.pem").write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    assert probe.node(str(tmp_path)) == {"name": "w.example.org", "address": "192.0.2.12"}


def test_addresses_that_are_on_no_network_are_refused() -> None:
    routes = [{"network": "10.0.0.0/16", "device": "eth0", "address": ""}]
    (sentence,) = said(machine("worker1", networks=routes))
    assert sentence == (
        "worker1 has its address 192.0.2.12 on no network (/32): nodes send pods' packets to each other without a "
        "router, so give them a network of their own."
    )


def test_the_ca_of_a_machine_is_read_as_a_kubeconfig_has_it(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("PEM\n")
    assert probe.content(str(tmp_path / "ca.crt")) == "UEVNCg=="
    assert probe.content(str(tmp_path / "other.crt")) == probe.content("") == ""
