"""What role network has Cilium do."""

from __future__ import annotations

import yaml


def test_pods_ask_their_own_node_for_names(cilium: str) -> None:
    """The agents know of it, and start anew when a setting changes."""
    objects = list(yaml.safe_load_all(cilium))
    (config,) = (item for item in objects if item and item["metadata"]["name"] == "cilium-config")
    assert config["data"]["enable-service-topology"] == "true"
    (agents,) = (item for item in objects if item and item["kind"] == "DaemonSet")
    assert "cilium.io/cilium-configmap-checksum" in agents["spec"]["template"]["metadata"]["annotations"]
