"""Let the Deployments of a chart meet Pod Security `restricted`: helm pipes what it rendered through this.

The upstream chart of Dask Gateway sets no security contexts and has no values for them. What a pod says itself stays.
"""

from __future__ import annotations

import sys
from typing import Any

import yaml

POD = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
CONTAINER = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def restrict(item: dict[str, Any]) -> dict[str, Any]:
    """Return an object with its pods restricted."""
    if item.get("kind") == "Deployment":
        pod = item["spec"]["template"]["spec"]
        pod["securityContext"] = POD | pod.get("securityContext", {})
        for container in pod["containers"]:
            container["securityContext"] = CONTAINER | container.get("securityContext", {})
    return item


if __name__ == "__main__":
    yaml.safe_dump_all((restrict(item) for item in yaml.safe_load_all(sys.stdin) if item), sys.stdout)
