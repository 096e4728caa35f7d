"""Preflight asks a cluster for the networks that it was made with; if there is no answer, the note of them counts."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import threading
from pathlib import Path

from loading import CHECKOUT

CLUSTER = "networking: {podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/16}"
RESOURCE = {"name": "configmaps", "kind": "ConfigMap", "namespaced": True, "verbs": ["get"], "singularName": ""}
ANSWERS = {
    "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.2"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [RESOURCE]},
    "/api/v1/namespaces/kube-system/configmaps/kubeadm-config": {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": "kubeadm-config", "namespace": "kube-system"},
        "data": {"ClusterConfiguration": CLUSTER},
    },
}


class ApiServer(http.server.BaseHTTPRequestHandler):
    """Answers what module k8s_info asks for that ConfigMap."""

    def do_GET(self) -> None:
        answer = ANSWERS.get(self.path.partition("?")[0])
        self.send_response(200 if answer else 404)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer or {"kind": "Status", "code": 404}).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def look(folder: Path, port: int, *options: str) -> tuple[int, str]:
    """Run the tasks against an API server at this port; return how it ended, and what was said."""
    entry = {"name": "z2jh", "cluster": {"server": f"http://127.0.0.1:{port}"}, "context": {"cluster": "z2jh"}}
    (folder / "kubeconfig").write_text(
        json.dumps({"current-context": "z2jh", "clusters": [entry], "contexts": [entry], "users": []})
    )
    role = {"name": "preflight", "tasks_from": "networks"}
    (folder / "play.yml").write_text(
        json.dumps([{"hosts": "localhost", "tasks": [{"ansible.builtin.include_role": role}]}])
    )
    given = ["-e", f"kubeconfig_path={folder}/kubeconfig state_dir={folder} service_cidr=10.96.0.0/16", *options]
    run = subprocess.run(
        ["ansible-playbook", "-i", "hosts.example", *given, str(folder / "play.yml")],
        cwd=CHECKOUT,
        env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": f"{folder}/home"},
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout


def test_a_changed_network_ends_even_a_dry_run(tmp_path: Path) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), ApiServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        code, said = look(tmp_path, server.server_port, "-e", "pod_cidr=10.245.0.0/16", "--check")
        server.shutdown()
    assert code == 2
    assert "pod_cidr of a running cluster cannot be changed: it was made with 10.244.0.0/16" in said


def unused_port() -> int:
    """Return a port at which nothing listens."""
    with http.server.HTTPServer(("127.0.0.1", 0), ApiServer) as server:
        return server.server_port


def test_the_last_run_has_noted_what_a_cluster_that_does_not_answer_was_made_with(tmp_path: Path) -> None:
    (tmp_path / "status.yml").write_text("pod_cidr: 10.244.0.0/16\nservice_cidr: 10.96.0.0/16\n")
    code, said = look(tmp_path, unused_port(), "-e", "pod_cidr=10.245.0.0/16")
    assert code == 2
    assert "pod_cidr of a running cluster cannot be changed: it was made with 10.244.0.0/16" in said
    code, said = look(tmp_path, unused_port(), "-e", "pod_cidr=10.244.0.0/16")
    assert code == 0, said


def test_a_cluster_of_which_nothing_is_known_ends_no_run(tmp_path: Path) -> None:
    port = unused_port()
    code, said = look(tmp_path, port, "-e", "pod_cidr=10.245.0.0/16")
    assert code == 0, said
    assert "failed=0" in said
