"""Static pods that are not as kubeadm makes them are repaired, and nothing else is touched."""

from __future__ import annotations

import json
import os
import platform
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from loading import CHECKOUT, load

MODULE = CHECKOUT / "plugins/modules/kubeadm_manifests.py"
manifests = load("plugins/modules/kubeadm_manifests.py")
# Stands in for kubeadm: writes what it would into the folder that the environment names.
KUBEADM = """#!/bin/sh
case "$*" in
*broken*) echo "cannot load broken" >&2; exit 1 ;;
*control-plane*) echo "pod: apiserver" >"$KUBEADM_INIT_DRYRUN_DIR/kube-apiserver.yaml" ;;
*etcd*) printf '  - --a\\n    - --initial-cluster=one\\n  - --z\\n' >"$KUBEADM_INIT_DRYRUN_DIR/etcd.yaml" ;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a control plane as kubeadm leaves it."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/kubeadm"
    program.write_text(KUBEADM)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "manifests").mkdir()
    (tmp_path / "admin.conf").touch()
    (tmp_path / "manifests/kube-apiserver.yaml").write_text("pod: apiserver\n")
    (tmp_path / "manifests/etcd.yaml").write_text("  - --a\n    - --initial-cluster=one\n  - --z\n")
    return tmp_path


def run(folder: Path, check: bool = False, config: str = "kubeadm.yaml") -> dict[str, Any]:
    """Run the module as Ansible does."""
    arguments = {"config": config, "folder": str(folder), "wait": 0, "_ansible_check_mode": check}
    done = subprocess.run(
        [sys.executable, MODULE],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        env={**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_what_is_as_it_should_be_is_not_written(folder: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "manifests").iterdir()}
    answer = run(folder)
    assert (answer["changed"], answer["repaired"]) == (False, [])
    assert {path.name: path.stat().st_mtime_ns for path in (folder / "manifests").iterdir()} == before
    assert not (folder / "z2jh-rendered").exists()


def test_an_edited_manifest_is_repaired(folder: Path) -> None:
    manifest = folder / "manifests/kube-apiserver.yaml"
    manifest.write_text("pod: apiserver\nhostIPC: true\n")
    assert run(folder)["repaired"] == ["kube-apiserver"]
    assert manifest.read_text() == "pod: apiserver\n"
    assert run(folder)["changed"] is False


def test_a_deleted_manifest_comes_back(folder: Path) -> None:
    (folder / "manifests/etcd.yaml").unlink()
    assert run(folder)["repaired"] == ["etcd"]
    assert "--initial-cluster=one" in (folder / "manifests/etcd.yaml").read_text()


def test_what_etcd_was_told_of_its_members_stays(folder: Path) -> None:
    """A further control plane's etcd joined members that kubeadm's configuration does not name."""
    told = "    - --initial-cluster=one,two\n    - --initial-cluster-state=existing\n"
    manifest = folder / "manifests/etcd.yaml"
    manifest.write_text(f"  - --a\n{told}  - --z\n")
    assert run(folder)["changed"] is False
    manifest.write_text(f"  - --edited\n{told}  - --z\n")
    assert run(folder)["repaired"] == ["etcd"]
    assert manifest.read_text() == f"  - --a\n{told}  - --z\n"


def test_a_check_says_what_it_would_repair_and_changes_nothing(folder: Path) -> None:
    manifest = folder / "manifests/kube-apiserver.yaml"
    manifest.write_text("edited\n")
    assert run(folder, check=True)["repaired"] == ["kube-apiserver"]
    assert manifest.read_text() == "edited\n"


def test_a_machine_without_control_plane_is_left_alone(folder: Path) -> None:
    (folder / "admin.conf").unlink()
    (folder / "manifests/etcd.yaml").unlink()
    assert run(folder)["changed"] is False
    assert not (folder / "manifests/etcd.yaml").exists()


def test_what_kubeadm_complains_of_is_said(folder: Path) -> None:
    answer = run(folder, config="broken.yaml")
    assert answer["failed"] is True
    assert answer["msg"] == "kubeadm cannot render the manifests of control-plane all: cannot load broken"
    assert not (folder / "z2jh-rendered").exists()


@pytest.fixture
def etcd() -> Iterator[None]:
    """Answer as an etcd that is ready."""

    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 2381), Ready) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def test_what_was_ready_and_is_not_stops_the_run(folder: Path, etcd: None) -> None:
    manifests = folder / "manifests"
    for pod in ("etcd", "kube-apiserver"):
        (manifests / f"{pod}.yaml").write_text("another\n")
    answer = run(folder)
    assert answer["failed"] is True
    assert answer["msg"].startswith(
        f"etcd on {platform.node()} ran, and was not ready 0 s after its manifest was changed, so the former one is"
    )
    assert answer["repaired"] == ["etcd", "kube-apiserver"]
    # So the next run finds it as this one did.
    assert (manifests / "etcd.yaml").read_text() == "another\n"
    assert (manifests / "kube-apiserver.yaml").read_text() == "pod: apiserver\n"
    assert run(folder)["failed"] is True
    # Control: what was not ready before may need the next control plane.
    (manifests / "etcd.yaml").write_text("  - --a\n    - --initial-cluster=one\n  - --z\n")
    (manifests / "kube-apiserver.yaml").write_text("another\n")
    assert "failed" not in run(folder)


@pytest.mark.parametrize("first", ["failed", "changed"])
def test_a_control_plane_that_does_not_come_back_stops_the_run(tmp_path: Path, first: str) -> None:
    """With a module that says of each what the real one would."""
    (tmp_path / "kubeadm_manifests.py").write_text(
        "from ansible.module_utils.basic import AnsibleModule\n"
        f"AnsibleModule({{'config': {{}}}}).exit_json(failed={first == 'failed'}, changed=True, msg='asked')\n"
    )
    role = {"name": "control_plane", "tasks_from": "static_pods"}
    play = {
        "name": "Repair",
        "hosts": "control_plane",
        "gather_facts": False,
        "any_errors_fatal": True,
        "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
        "tasks": [{"name": "Repair", "ansible.builtin.import_role": role}],
    }
    book, inventory = tmp_path / "play.yml", tmp_path / "hosts"
    book.write_text(json.dumps([play]))
    inventory.write_text("[control_plane]\nc1\nc2\nc3\n")
    run = subprocess.run(
        ["ansible-playbook", "-i", inventory, book],
        cwd=CHECKOUT,
        env=os.environ
        | {"ANSIBLE_HOME": f"{tmp_path}/home", "ANSIBLE_LIBRARY": str(tmp_path)}
        | {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "{" in run.stdout, run.stdout + run.stderr
    report = json.loads(run.stdout[run.stdout.index("{") :])
    asked = [
        [host for host, answer in task["hosts"].items() if answer.get("msg") == "asked"]
        for play in report["plays"]
        for task in play["tasks"]
    ]
    # One at a time, in whatever order.
    turns = [hosts for hosts in asked if hosts]
    assert [len(hosts) for hosts in turns] == ([1] if first == "failed" else [1, 1, 1]), turns


@pytest.mark.parametrize(
    ("runs", "ready", "settled"),
    [
        pytest.param({"1"}, True, False, id="not-begun-anew"),
        pytest.param({"2"}, True, True, id="anew-and-ready"),
        pytest.param({"2"}, False, False, id="anew-but-not-ready"),
    ],
)
def test_a_changed_pod_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, runs: set[str], ready: bool, settled: bool
) -> None:
    monkeypatch.setattr(manifests, "processes", lambda _: runs)
    monkeypatch.setattr(manifests, "is_ready", lambda _: ready)
    assert manifests.settle("etcd", {"1"}, time.monotonic(), 0.1) is settled


def test_a_process_is_known_by_its_name() -> None:
    name = Path("/proc/self/comm").read_text().strip()
    assert str(os.getpid()) in manifests.processes(name)
    assert str(os.getpid()) not in manifests.processes("etcd")
