"""What the roles of the cluster decide: who begins it, who joins, which node leaves, and what would be lost."""

from __future__ import annotations

import json
import os
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Template

CHECKOUT = Path(__file__).resolve().parents[2]
LABELS = '{"node-role.kubernetes.io/control-plane":""} {"k8s-app":"kube-dns"}'
MEMBER = {"rc": 0, "stdout": LABELS, "stderr": ""}
NOTHING = {"rc": 1, "stdout": "", "stderr": "error: stat /etc/kubernetes/admin.conf: no such file or directory"}
NOT_FOUND = {"rc": 1, "stdout": LABELS, "stderr": 'Error from server (NotFound): services "kube-dns" not found'}
NO_LABEL = {"rc": 0, "stdout": '{"k8s-app":"kube-dns"}', "stderr": ""}
SILENT = {"rc": 1, "stdout": "", "stderr": "The connection to the server 127.0.0.1:6444 was refused"}
OTHER_CLUSTER = {"rc": 1, "stdout": "", "stderr": "tls: failed to verify certificate: x509: unknown authority"}


def play_here(
    folder: Path, play: dict[str, Any], hosts: dict[str, Any] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a play on some hosts, or on this machine."""
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts or {}}}))
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    return subprocess.run(
        ["ansible-playbook", "-i", str(folder / "hosts.yml"), str(folder / "play.yml")],
        cwd=CHECKOUT,
        env=os.environ | {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=False,
    )


def worked_out(folder: Path, role: str, hosts: dict[str, dict[str, Any]], *names: str) -> dict[str, dict[str, Any]]:
    """Return what some variables of a role come to, by host and by their name without the role's prefix."""
    prefixed = {name: f"{{{{ __{role}_{name} }}}}" for name in names}
    play = {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {"ansible.builtin.include_vars": str(CHECKOUT / f"roles/{role}/vars/main.yml")},
            {"ansible.builtin.debug": {"msg": prefixed}},
        ],
    }
    run = play_here(folder, play, hosts)
    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads(run.stdout[run.stdout.index("{") :])
    # This callback notes a task's hosts together only for the strategies that it knows.
    said = [task["hosts"].items() for task in report["plays"][0]["tasks"]]
    return {
        host: result["msg"] for hosts in said for host, result in hosts if result["action"] == "ansible.builtin.debug"
    }


@pytest.mark.parametrize(("key", "code"), [("the-key-of-this-checkout", 0), ("the-key-of-another-one", 2)])
def test_the_key_of_the_secrets_is_never_replaced(tmp_path: Path, key: str, code: int) -> None:
    former = tmp_path / "encryption-0123456789ab.yaml"
    former.write_text(f"keys: [{{name: key1, secret: {b64encode(key.encode()).decode()}}}]")
    role = CHECKOUT / "roles/control_plane"
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {
            "control_plane_encryption_key": "the-key-of-this-checkout",
            "__control_plane_former": {"files": [{"path": str(former)}]},
        },
        "tasks": [
            {"ansible.builtin.include_vars": str(role / "vars/main.yml")},
            {"ansible.builtin.include_tasks": str(role / "tasks/encryption.yml")},
        ],
    }
    run = play_here(tmp_path, play)
    assert run.returncode == code, run.stdout
    assert ("are encrypted with another key" in run.stdout) == (code != 0)
    assert key not in run.stdout


# By name: what the control planes cp1, cp2 ... answer; then members, on whom the cluster begins, and who joins.
DECISIONS: dict[str, tuple[list[dict[str, Any]], list[str], str, list[str]]] = {
    "nothing-yet": ([NOTHING], [], "cp1", []),
    "one": ([MEMBER], ["cp1"], "cp1", []),
    "init-cut-off": ([NOT_FOUND], [], "cp1", []),
    "names-deleted": ([NOT_FOUND] * 3, [], "cp1", []),
    "label-removed": ([NO_LABEL], [], "cp1", []),
    "three-new": ([NOTHING] * 3, [], "cp1", ["cp2", "cp3"]),
    "one-grows": ([MEMBER, NOTHING, NOTHING], ["cp1"], "cp1", ["cp2", "cp3"]),
    "join-cut-off": ([MEMBER, NO_LABEL, MEMBER], ["cp1", "cp3"], "cp1", ["cp2"]),
    "first-is-a-new-machine": ([NOTHING, MEMBER, MEMBER], ["cp2", "cp3"], "cp2", ["cp1"]),
    "of-another-cluster": ([OTHER_CLUSTER, MEMBER, MEMBER], ["cp2", "cp3"], "cp2", ["cp1"]),
}


@pytest.fixture(scope="module")
def decisions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Have every case decided, on hosts of its own."""
    hosts = {}
    for case, (answers, *_) in DECISIONS.items():
        nodes = [f"{case}-cp{number}" for number, _ in enumerate(answers, 1)]
        for node, answer in zip(nodes, answers, strict=True):
            hosts[node] = {"control_plane_nodes": nodes, "__control_plane_answer": answer}
    return worked_out(tmp_path_factory.mktemp("play"), "control_plane", hosts, "members", "first", "joining")


@pytest.mark.parametrize("case", DECISIONS)
def test_who_begins_the_cluster_and_who_joins(decisions: dict[str, dict[str, Any]], case: str) -> None:
    answers, members, first, joining = DECISIONS[case]
    expected = {
        "members": [f"{case}-{node}" for node in members],
        "first": f"{case}-{first}",
        "joining": [f"{case}-{node}" for node in joining],
    }
    for number, _ in enumerate(answers, 1):
        assert decisions[f"{case}-cp{number}"] == expected


@pytest.mark.parametrize(("nodes", "leads_nobody"), [(["cp1"], True), (["cp1", "cp2", "cp3"], False)])
def test_the_only_scheduler_does_not_end_without_an_api_server(nodes: list[str], leads_nobody: bool) -> None:
    template = (CHECKOUT / "roles/control_plane/templates/kubeadm.yaml.j2").read_text(encoding="utf-8")
    text = Template(template, trim_blocks=True).render(control_plane_nodes=nodes)
    arguments = list(yaml.safe_load_all(text))[1]["scheduler"]["extraArgs"]
    assert ({"name": "leader-elect", "value": "false"} in arguments) is leads_nobody


@pytest.mark.parametrize("role", ["control_plane", "join"])
def test_only_an_answer_makes_a_node_start_from_nothing(tmp_path: Path, role: str) -> None:
    """No answer may be an API server that is down: what it would say is not known."""
    answers = {"nothing": NOTHING, "missing": NOT_FOUND, "other": OTHER_CLUSTER, "silent": SILENT}
    hosts = {name: {f"__{role}_answer": answer} for name, answer in answers.items()}
    unknown = {name: found["unknown"] for name, found in worked_out(tmp_path, role, hosts, "unknown").items()}
    assert unknown == {"nothing": True, "missing": True, "other": True, "silent": False}


def volume(node: str, claim: str) -> dict[str, Any]:
    """Describe a volume on a node's disk."""
    rule = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "spec": {
            "claimRef": {"namespace": "jupyterhub", "name": claim},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}},
        }
    }


def node(name: str, ready: str = "True") -> dict[str, Any]:
    """Describe a node."""
    return {"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


def test_nodes_that_are_lost_leave_before_others(tmp_path: Path) -> None:
    found = [node("cp1"), node("cp2"), node("cp3", "Unknown"), {"metadata": {"name": "new"}, "status": {}}]
    host = {"node_removal_keep": ["cp1"], "__node_removal_nodes": {"resources": found}}
    leaving = worked_out(tmp_path, "node_removal", {"here": host}, "leaving")["here"]["leaving"]
    assert [node["metadata"]["name"] for node in leaving] == ["cp3", "new", "cp2"]


def test_a_member_of_etcd_leaves_with_its_name_or_its_machine(tmp_path: Path) -> None:
    lines = ["a1, started, cp1, -", "b2, started, cp2, -", "c3, started, gone, -", "d4, unstarted, , -"]
    answers = {"cp1": MEMBER, "cp2": NOTHING, "cp3": MEMBER}
    hosts = {
        name: {
            "control_plane_nodes": list(answers),
            "__control_plane_answer": answer,
            "__control_plane_etcd": {"stdout_lines": lines},
        }
        for name, answer in answers.items()
    }
    assert worked_out(tmp_path, "control_plane", hosts, "etcd_left")["cp1"]["etcd_left"] == [lines[1], lines[2]]


# By name: the CA on the machine, whether it has the note; whether the checkout has a kubeconfig and keys; whose it is.
WHOSE: dict[str, tuple[str, bool, bool, bool, bool]] = {
    "of-this-cluster": ("b3Vycw==", True, True, True, True),
    "of-this-cluster-without-a-note": ("b3Vycw==", False, True, True, True),
    "of-another-cluster": ("dGhlaXJz", True, True, True, False),
    "half-reset": ("", True, True, True, True),
    "of-a-first-run-cut-off": ("b3Vycw==", True, False, True, True),
    "of-somebody-else": ("dGhlaXJz", False, False, True, False),
    "of-another-checkout": ("dGhlaXJz", True, False, False, False),
    "plain": ("", False, True, True, False),
}


def test_only_a_machine_of_this_cluster_is_taken_off_it(tmp_path: Path) -> None:
    cluster = {"certificate-authority-data": "b3Vycw=="}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump({"clusters": [{"cluster": cluster}]}))
    (tmp_path / "ca.crt").touch()
    hosts = {
        case: {
            "__node_reset_found": {"results": [{"stat": {"exists": bool(ca)}}, {"stat": {"exists": note}}]},
            "__node_reset_ca": {"content": ca} if ca else {"skipped": True},
            "node_reset_kubeconfig": str(tmp_path / ("kubeconfig" if kubeconfig else "none")),
            "node_reset_ca": str(tmp_path / ("ca.crt" if keys else "none")),
        }
        for case, (ca, note, kubeconfig, keys, _) in WHOSE.items()
    }
    found = worked_out(tmp_path, "node_reset", hosts | {"silent": {"__node_reset_found": {"unreachable": True}}}, "why")
    assert found["silent"]["why"] == "it is not reached by SSH"
    ours = {case: found["ours"] for case, found in worked_out(tmp_path, "node_reset", hosts, "ours").items()}
    assert ours == {case: expected for case, (*_, expected) in WHOSE.items()}


def test_a_node_that_left_is_named_with_the_volumes_it_holds(tmp_path: Path) -> None:
    host = {
        "node_removal_keep": ["cp1", "worker1"],
        "node_removal_departing": ["worker2", "worker3"],
        "__node_removal_nodes": {"resources": [node(name) for name in ("cp1", "worker1", "worker2")]},
        "__node_removal_volumes": {
            "resources": [
                volume("worker1", "claim-ada"),
                volume("worker2", "claim-grace"),
                volume("worker3", "claim-edwin"),
                {"spec": {}},
            ]
        },
    }
    found = worked_out(tmp_path, "node_removal", {"here": host}, "leaving", "claims")["here"]
    assert [node["metadata"]["name"] for node in found["leaving"]] == ["worker2"]
    # The node of the third container was deleted by hand, its disk is there.
    assert found["claims"] == ["jupyterhub/claim-grace on worker2", "jupyterhub/claim-edwin on worker3"]


def test_nodes_of_another_checkout_are_left_alone(tmp_path: Path) -> None:
    def container(name: str, **labels: str) -> dict[str, Any]:
        return {"Name": name, "Config": {"Labels": {f"z2jh.{label}": value for label, value in labels.items()} or None}}

    nodes = [
        container("theirs", place="local", state="/there/state"),
        container("kept", place="local", state="/here/state"),
        container("left", place="local", state="/here/state"),
        container("early", place="local"),
        container("database"),
    ]
    host = {
        "__local_nodes_containers": {"containers": nodes},
        "local_nodes_names": ["kept", "new", "theirs"],
        "local_nodes_state": "/here/state",
    }
    named = worked_out(tmp_path, "local_nodes", {"localhost": host}, "departed")["localhost"]
    assert sorted(named["departed"]) == ["early", "left"]
    everything = worked_out(tmp_path, "local_nodes", {"localhost": host | {"__local_nodes_keep": []}}, "departed")[
        "localhost"
    ]
    assert sorted(everything["departed"]) == ["early", "kept", "left", "new"]
