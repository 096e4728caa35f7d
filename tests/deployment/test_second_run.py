"""Running the playbook again changes nothing."""

from __future__ import annotations

import pytest
from live.cluster import Cluster
from live.runs import up_again


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


@pytest.mark.timeout(900)
def test_the_second_run_changes_nothing(cluster: Cluster) -> None:
    before = pods(cluster)
    up_again()
    assert pods(cluster) == before
    # Nor does a dry run find anything.
    up_again("--check")
    assert pods(cluster) == before
