"""A cluster goes back to a snapshot of etcd."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from live.cluster import Cluster
from live.faults import until_hub_serves, until_whole
from live.nodes import podman, run_on, succeeds_on
from live.platform import Platform
from live.runs import up_again

pytestmark = [pytest.mark.life, pytest.mark.timeout(1200)]

RESTORE = "/usr/local/sbin/z2jh-restore-etcd"


@pytest.fixture
def names(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """Have the names of two ConfigMaps, and remove what the test has made of them."""
    both = (f"tests-{secrets.token_hex(4)}", f"tests-{secrets.token_hex(4)}")
    yield both
    for name in set(both) & there(cluster):
        cluster.core.delete_namespaced_config_map(name, "default")


def there(cluster: Cluster) -> set[str]:
    """Return the names of the ConfigMaps that there are."""
    return {one.metadata.name for one in cluster.core.list_namespaced_config_map("default").items}


def make(cluster: Cluster, name: str) -> None:
    """Make a ConfigMap."""
    cluster.core.create_namespaced_config_map("default", {"metadata": {"name": name}})


def test_a_cluster_goes_back_to_a_snapshot(cluster: Cluster, platform: Platform, names: tuple[str, str]) -> None:
    nodes, (node,) = cluster.ready_nodes(), cluster.control_planes()
    earlier, later = names
    make(cluster, earlier)
    run_on(node, "systemctl", "start", "z2jh-snapshot-etcd.service")
    newest = run_on(node, "ls", "--sort=time", "/var/backups/etcd").split()[0]
    cluster.core.delete_namespaced_config_map(earlier, "default")
    make(cluster, later)

    print(run_on(node, RESTORE, f"/var/backups/etcd/{newest}"))
    assert there(cluster) & set(names) == {earlier}
    until_whole(cluster, nodes)
    until_hub_serves(platform)
    up_again()
    # Nor does anything come back that was lost when the node starts the next time.
    podman("stop", node)
    podman("start", node)
    until_whole(cluster, nodes)
    assert there(cluster) & set(names) == {earlier}
    run_on(node, "sh", "-c", "rm -r /var/lib/etcd/before-*")


def test_what_is_no_snapshot_changes_nothing(cluster: Cluster, names: tuple[str, str]) -> None:
    (node,) = cluster.control_planes()
    make(cluster, names[0])
    run_on(node, "sh", "-c", "echo nothing > /var/backups/etcd/broken")
    try:
        assert not succeeds_on(node, RESTORE, "/var/backups/etcd/broken")
        assert not succeeds_on(node, RESTORE, "/var/backups/etcd/missing")
    finally:
        run_on(node, "rm", "/var/backups/etcd/broken")
    assert names[0] in there(cluster)
    assert run_on(node, "ls", "/var/lib/etcd").split() == ["member"]
    assert run_on(node, "ls", "/etc/kubernetes/manifests").split() == [
        f"{name}.yaml" for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
    ]
