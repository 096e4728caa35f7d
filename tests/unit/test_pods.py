"""The filter that says why pods are not ready."""

from __future__ import annotations

from typing import Any

import pytest
from loading import load

pods = load("plugins/filter/pods.py")


def pod(**status: Any) -> dict[str, Any]:
    """Return a pod with a status."""
    return {"metadata": {"namespace": "jupyterhub", "name": "hub-1"}, "status": status}


NOT_READY = {
    "type": "Ready",
    "status": "False",
    "reason": "ContainersNotReady",
    "message": "containers with unready status",
}


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (
            {"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}}]},
            "ImagePullBackOff: not found",
        ),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}, "ContainerCreating"),
        (
            {"initContainerStatuses": [{"state": {"terminated": {"reason": "Error", "message": "exit 1"}}}]},
            "Error: exit 1",
        ),
        (
            {
                "initContainerStatuses": [{"state": {"terminated": {"reason": "Completed"}}}],
                "containerStatuses": [{"state": {"running": {}}}],
            },
            "ContainersNotReady: containers with unready status",
        ),
    ],
)
def test_the_reason_is_the_first_that_kubernetes_gives(status: dict[str, Any], line: str) -> None:
    assert pods.unready_pods([pod(phase="Pending", conditions=[NOT_READY], **status)]) == [f"jupyterhub/hub-1: {line}"]


def test_a_pod_that_goes_is_not_ready_whatever_it_says() -> None:
    going = pod(phase="Running", conditions=[{"type": "Ready", "status": "True"}])
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert pods.unready_pods([going]) == ["jupyterhub/hub-1: Terminating"]


@pytest.mark.parametrize(
    ("container", "fails"),
    [
        ({"restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}, True),
        ({"restartCount": 2, "state": {"terminated": {"exitCode": 1}}}, True),
        ({"restartCount": 2, "state": {"running": {}}}, False),
        ({"restartCount": 1, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}, False),
        ({"state": {"waiting": {"reason": "ContainerCreating"}}}, False),
    ],
)
def test_a_pod_fails_that_ends_at_each_start(container: dict[str, Any], fails: bool) -> None:
    one = pod(phase="Running", containerStatuses=[container])
    assert pods.failing_pods([one]) == ([one] if fails else [])


def test_a_pod_without_conditions_is_named_with_its_phase() -> None:
    assert pods.unready_pods([pod(phase="Pending")]) == ["jupyterhub/hub-1: Pending"]


def test_ready_and_finished_pods_are_left_out() -> None:
    ready = pod(phase="Running", conditions=[{"type": "Ready", "status": "True"}])
    assert pods.unready_pods([ready, pod(phase="Succeeded", conditions=[NOT_READY])]) == []


@pytest.mark.parametrize(
    ("status", "stale"),
    [
        ({}, True),
        ({"observedGeneration": 1, "updatedReplicas": 1}, True),
        ({"observedGeneration": 2}, True),
        ({"observedGeneration": 2, "updatedReplicas": 1}, False),
    ],
)
def test_a_deployment_is_stale_until_its_pods_are_made_anew(status: dict[str, Any], stale: bool) -> None:
    deployment = {"metadata": {"name": "hub", "generation": 2}, "spec": {"replicas": 1}, "status": status}
    assert pods.stale_deployments([deployment]) == (["hub"] if stale else [])
