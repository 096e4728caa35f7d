"""T9, T10: the cluster's API to whoever has no right to it. To nobody at all: deployment/test_cluster.py."""

from __future__ import annotations

import httpx
import pytest
from kubernetes.client import ApiException
from live.cluster import HUB_NAMESPACE, Cluster


def test_a_made_up_token_is_refused(cluster: Cluster, stranger: httpx.Client) -> None:
    version = f"https://{cluster.node_address(control_plane=True)}:6443/version"
    assert stranger.get(version, headers={"Authorization": "Bearer a.b.c"}).status_code == 401
    assert stranger.get(version).status_code == 200


def test_the_service_account_of_a_user_pod_may_nothing(cluster: Cluster) -> None:
    user = cluster.core
    user.api_client.set_default_header("Impersonate-User", f"system:serviceaccount:{HUB_NAMESPACE}:default")
    for attempt in (user.list_namespaced_pod, user.list_namespaced_secret, user.list_namespaced_config_map):
        with pytest.raises(ApiException) as refusal:
            attempt(HUB_NAMESPACE)
        assert refusal.value.status == 403
    assert cluster.core.list_namespaced_pod(HUB_NAMESPACE).items
