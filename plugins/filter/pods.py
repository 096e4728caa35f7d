"""What keeps pods from being ready, in a line each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def unready_pods(pods: Iterable[Mapping[str, Any]]) -> list[str]:
    """Say for each pod that is neither ready nor done what it waits for.

    The reason is the first that Kubernetes gives: of a container that waits or has ended, else of a condition that is
    not met, such as PodScheduled.

    >>> unready_pods([{"metadata": {"namespace": "a", "name": "b"}, "status": {"phase": "Pending", "conditions": [
    ...     {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no memory"}]}}])
    ['a/b: Unschedulable: no memory']
    """
    lines = []
    for pod in pods:
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        if pod["metadata"].get("deletionTimestamp"):
            lines.append(f"{name}: Terminating")
            continue
        status = pod.get("status", {})
        conditions = {condition["type"]: condition for condition in status.get("conditions", [])}
        if status.get("phase") == "Succeeded" or conditions.get("Ready", {}).get("status") == "True":
            continue
        containers = status.get("initContainerStatuses", []) + status.get("containerStatuses", [])
        states = [
            container.get("state", {}).get(kind) for container in containers for kind in ("waiting", "terminated")
        ]
        reasons = [state for state in states if state and state.get("reason") != "Completed"]
        reasons += [condition for condition in conditions.values() if condition.get("status") == "False"]
        reason = reasons[0] if reasons else {"reason": status.get("phase", "Unknown")}
        words = [reason.get("reason"), reason.get("message")]
        lines.append(f"{name}: {': '.join(filter(None, words))}")
    return lines


def failing_pods(pods: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the pods one of whose containers has ended at each of three starts or more."""
    return [
        pod
        for pod in pods
        if any(
            container.get("restartCount", 0) > 1 and "running" not in container.get("state", {})
            for container in pod.get("status", {}).get("containerStatuses", [])
        )
    ]


def stale_deployments(deployments: Iterable[Mapping[str, Any]]) -> list[str]:
    """Name the Deployments whose pods are not yet all made from what the Deployment says now.

    >>> stale_deployments([{"metadata": {"name": "hub", "generation": 2}, "spec": {"replicas": 1},
    ...                     "status": {"observedGeneration": 1, "updatedReplicas": 1}}])
    ['hub']
    """
    return [
        deployment["metadata"]["name"]
        for deployment in deployments
        if deployment.get("status", {}).get("observedGeneration", 0) < deployment["metadata"]["generation"]
        or deployment["status"].get("updatedReplicas", 0) < deployment["spec"].get("replicas", 1)
    ]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "failing_pods": failing_pods,
            "stale_deployments": stale_deployments,
            "unready_pods": unready_pods,
        }
