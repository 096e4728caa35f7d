"""Running the playbook again changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest
from live.cluster import Cluster
from live.platform import ROOT


def pods(cluster: Cluster) -> dict[str, tuple[str, int]]:
    """Return every pod of the platform: its identity, and how often its containers were restarted."""
    return {
        f"{pod.metadata.namespace}/{pod.metadata.name}": (
            pod.metadata.uid,
            sum(part.restart_count for part in pod.status.container_statuses or []),
        )
        for pod in cluster.core.list_pod_for_all_namespaces().items
        # People's servers and Dask pods come and go.
        if pod.metadata.labels.get("component") != "singleuser-server"
        and not pod.metadata.labels.get("app.kubernetes.io/component", "").startswith("dask-")
    }


def tasks(report: dict[str, Any], what: str) -> list[str]:
    """Return the tasks that changed (or failed), each with its host and what it said."""
    return [
        f"{task['task']['name']} ({host}): {result.get('msg', '')}"
        for play in report["plays"]
        for task in play["tasks"]
        for host, result in task["hosts"].items()
        if result.get(what)
    ]


@pytest.mark.timeout(900)
def test_the_second_run_changes_nothing(cluster: Cluster) -> None:
    before = pods(cluster)
    run = subprocess.run(
        [ROOT / "scripts" / "up.sh"],
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "{" in run.stdout, run.stdout + run.stderr
    report = json.loads(run.stdout[run.stdout.index("{") :])
    assert run.returncode == 0, tasks(report, "failed")
    assert not tasks(report, "changed")
    for host, sums in report["stats"].items():
        assert (sums["changed"], sums["failures"], sums["unreachable"]) == (0, 0, 0), host
    assert pods(cluster) == before
