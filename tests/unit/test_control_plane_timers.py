"""What a control plane does by the clock: which certificates it approves and renews, and which snapshots it keeps."""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from loading import CHECKOUT, load

NODES = {"cp1": "10.0.0.11", "worker1": "10.0.0.101"}


approve = load("roles/control_plane_timers/files/approve_kubelet_certificates.py")
renew = load("roles/control_plane_timers/files/renew_certificates.py")
snapshot = load("roles/control_plane_timers/files/snapshot_etcd.py")


def request(
    names: tuple[str, ...] = ("worker1", "10.0.0.101"),
    subject: str = "system:node:worker1",
    organization: str = "system:nodes",
    **changed: Any,
) -> dict[str, Any]:
    """Make a request as worker1's kubelet does, but for what is changed."""

    def general(name: str) -> x509.GeneralName:
        if name.startswith("https:"):
            return x509.UniformResourceIdentifier(name)
        return x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)

    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
                x509.NameAttribute(NameOID.COMMON_NAME, subject),
            ]
        )
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([general(name) for name in names]), critical=False)
    pem = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM)
    spec = {
        "request": base64.b64encode(pem).decode(),
        "signerName": "kubernetes.io/kubelet-serving",
        "username": "system:node:worker1",
        "groups": ["system:nodes", "system:authenticated"],
        "usages": ["digital signature", "server auth"],
    }
    return {"metadata": {"name": "csr-x"}, "spec": spec | changed}


def test_a_node_gets_a_certificate_for_itself() -> None:
    assert approve.refusal(request(), NODES) is None
    assert approve.refusal(request(names=("10.0.0.101",)), NODES) is None


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        pytest.param(request(names=("worker1", "cp1")), "it is for cp1 too", id="another-node"),
        pytest.param(request(names=("worker1", "10.0.0.11")), "it is for 10.0.0.11 too", id="another-address"),
        pytest.param(request(names=("worker1", "https://worker1/")), "it is for https://worker1/ too", id="uri"),
        pytest.param(request(names=()), "it names no host", id="no-name"),
        pytest.param(
            request(subject="system:node:cp1"), "its subject is CN=system:node:cp1,O=system:nodes", id="subject"
        ),
        pytest.param(
            request(organization="system:masters"),
            "its subject is CN=system:node:worker1,O=system:masters",
            id="organization",
        ),
        pytest.param(request(username="ada"), "ada is no node", id="person"),
        pytest.param(request(groups=["system:authenticated"]), "system:node:worker1 is no node", id="group"),
        pytest.param(
            request(username="system:node:stranger", subject="system:node:stranger"),
            "stranger is not in the inventory",
            id="stranger",
        ),
        pytest.param(
            request(signerName="kubernetes.io/kube-apiserver-client"), "it is not for serving", id="another-signer"
        ),
        pytest.param(request(usages=["server auth", "client auth"]), "it is not for serving", id="client-too"),
    ],
)
def test_nothing_else_is_approved(asked: dict[str, Any], reason: str) -> None:
    assert approve.refusal(asked, NODES) == reason


def test_only_what_waits_is_approved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    (tmp_path / "nodes.json").write_text(json.dumps(NODES))
    listed = [
        request() | {"metadata": {"name": "good"}},
        request() | {"metadata": {"name": "done"}, "status": {"conditions": [{"type": "Approved"}]}},
        request(names=("cp1",)) | {"metadata": {"name": "bad"}},
    ]
    approved = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        if "approve" in command:
            approved.append(command[-1])
        return subprocess.CompletedProcess(command, 0, json.dumps({"items": listed}).encode())

    monkeypatch.setattr(approve.subprocess, "run", run)
    monkeypatch.setattr(approve.sys, "argv", ["approve", str(tmp_path / "nodes.json")])
    approve.main()
    assert approved == ["good"]
    assert capsys.readouterr().out == "Not approved: bad of system:node:worker1, as it is for cp1 too.\n"


def certificate(name: str, days: float, **changed: Any) -> dict[str, Any]:
    """Describe a certificate as kubeadm does."""
    return {
        "name": name,
        "residualTime": int(days * 86400),
        "externallyManaged": False,
        "missing": False,
    } | changed


@pytest.mark.parametrize(
    ("certificates", "ending"),
    [
        ([certificate("apiserver", 300), certificate("admin.conf", 31)], []),
        ([certificate("apiserver", 300), certificate("admin.conf", 29)], ["admin.conf"]),
        ([certificate("apiserver", -1)], ["apiserver"]),
        ([certificate("apiserver", 1, externallyManaged=True)], []),
        ([certificate("super-admin.conf", 0, missing=True)], []),
    ],
)
def test_what_ends_soon_is_renewed(
    certificates: list[dict[str, Any]], ending: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renew, "output", lambda *_: json.dumps({"certificates": certificates}))
    assert renew.ending(30) == ending


def test_only_running_containers_of_a_pod_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers that have ended are still known to containerd."""
    tasks = "TASK     PID    STATUS\ntwo      12     RUNNING\nthree    0      STOPPED\nother    14     RUNNING\n"
    monkeypatch.setattr(renew, "output", lambda *command: "one\ntwo\nthree\n" if "containers" in command else tasks)
    assert renew.running("etcd") == {"two": 12}


def test_a_process_began_when_the_kernel_says() -> None:
    process = subprocess.Popen(["sleep", "60"])
    try:
        assert -2 < time.time() - renew.began(process.pid) < 30
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("ends_soon", [True, False], ids=["renewed", "cut-off-before"])
def test_what_began_before_its_certificates_is_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends_soon: bool
) -> None:
    """Also those that a renewal which was cut off had not restarted."""
    (tmp_path / "pki").mkdir()
    certificate = tmp_path / "pki" / "apiserver.crt"
    certificate.write_text("")
    os.utime(certificate, (1000, 1000))
    begins = {"etcd": 1001.0, "kube-apiserver": 999.0, "kube-controller-manager": 998.0, "kube-scheduler": 1002.0}
    calls: list[tuple[str, ...]] = []
    restarted: list[str] = []
    monkeypatch.setattr(renew, "FOLDER", tmp_path)
    monkeypatch.setattr(renew, "ending", lambda _: ["apiserver"] if ends_soon else [])
    monkeypatch.setattr(renew, "output", lambda *command: calls.append(command))
    monkeypatch.setattr(renew, "running", lambda pod: {pod: list(begins).index(pod)})
    monkeypatch.setattr(renew, "began", lambda process: list(begins.values())[process])
    monkeypatch.setattr(renew, "restart", restarted.append)
    monkeypatch.setattr(renew, "wait", lambda *_: None)
    monkeypatch.setattr(renew.sys, "argv", ["renew", "30"])
    renew.main()
    assert restarted == ["kube-apiserver", "kube-controller-manager"]
    assert [command[:3] for command in calls] == [("kubeadm", "certs", "renew")] * ends_soon


@pytest.fixture
def etcd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Stand in for the etcd pod; return what it is asked to do."""
    asked: list[tuple[str, ...]] = []

    def in_etcd(_: str, *command: str) -> None:
        asked.append(command)
        if "save" in command:
            Path(command[-1]).write_text("snapshot")

    monkeypatch.setattr(snapshot, "DATA", tmp_path)
    monkeypatch.setattr(snapshot, "in_etcd", in_etcd)
    return asked


def test_a_snapshot_is_read_back_and_roots_alone(tmp_path: Path, etcd: list[tuple[str, ...]]) -> None:
    (tmp_path / "backups").mkdir()
    saved = snapshot.save("cp1", tmp_path / "backups")
    assert [command[0] for command in etcd] == ["etcdctl", "etcdutl"]
    assert [path.name for path in (tmp_path / "backups").iterdir()] == [saved.name]
    assert saved.stat().st_mode & 0o777 == 0o600


def test_the_newest_snapshots_are_kept(tmp_path: Path) -> None:
    for day in range(1, 6):
        (tmp_path / f"etcd-2026010{day}T000000Z.db").touch()
    (tmp_path / "notes.txt").touch()
    snapshot.forget(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "etcd-20260104T000000Z.db",
        "etcd-20260105T000000Z.db",
        "notes.txt",
    ]


def test_nothing_is_forgotten_when_the_snapshot_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "etcd-20260101T000000Z.db"
    old.touch()

    def fail(*_: str) -> None:
        raise subprocess.CalledProcessError(1, "etcdctl")

    monkeypatch.setattr(snapshot, "DATA", tmp_path)
    monkeypatch.setattr(snapshot, "in_etcd", fail)
    monkeypatch.setattr(snapshot.sys, "argv", ["snapshot", "cp1", str(tmp_path), "1"])
    with pytest.raises(subprocess.CalledProcessError):
        snapshot.main()
    assert old.exists()


def test_what_a_move_that_was_cut_off_left_goes(tmp_path: Path, etcd: list[tuple[str, ...]]) -> None:
    """The move copies when the folder is on a file system of its own."""
    (tmp_path / "backups").mkdir()
    for name in ("etcd-20260101T000000Z.part", "etcd-20260101T000000Z.db", "notes.part"):
        (tmp_path / "backups" / name).touch()
    saved = snapshot.save("cp1", tmp_path / "backups")
    assert {path.name for path in (tmp_path / "backups").iterdir()} == {
        "etcd-20260101T000000Z.db",
        "notes.part",
        saved.name,
    }


@pytest.mark.parametrize("count", ["0", "-2"])
def test_at_least_one_snapshot_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, etcd: list[tuple[str, ...]], count: str
) -> None:
    """As the end of a slice, 0 would keep all for ever, and -2 remove the newest."""
    monkeypatch.setattr(snapshot.sys, "argv", ["snapshot", "cp1", str(tmp_path / "backups"), count])
    with pytest.raises(SystemExit) as refused:
        snapshot.main()
    assert refused.value.code == (
        f"To keep {count} snapshots in {tmp_path}/backups would not keep the one that is taken: ask for at least 1."
    )
    assert not etcd
    assert not (tmp_path / "backups").exists()


@pytest.mark.parametrize(("count", "refused"), [(1, False), (0, True)])
def test_the_role_refuses_it_before_it_changes_anything(tmp_path: Path, count: int, refused: bool) -> None:
    first = yaml.safe_load((CHECKOUT / "roles/control_plane_timers/tasks/main.yml").read_text())[0]
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"control_plane_timers_snapshots_kept": count},
        "tasks": [first],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    run = subprocess.run(
        ["ansible-playbook", "-i", "hosts.example", str(tmp_path / "play.yml")],
        cwd=CHECKOUT,
        env=os.environ | {"ANSIBLE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    sentence = f"control_plane_timers_snapshots_kept is {count} on localhost, which would not keep the snapshot"
    assert (run.returncode != 0, sentence in " ".join(run.stdout.split())) == (refused, refused), run.stdout
