"""What people are told about pods that do not start."""

from __future__ import annotations

from typing import Any

import pytest

from z2jh_hub.pods import stage, trouble

Status = dict[str, Any]


def pod(status: Status, **metadata: Any) -> dict[str, Any]:
    return {"metadata": metadata, "spec": {"nodeName": "worker"}, "status": {"phase": "Pending", **status}}


def container(state: dict[str, Any], **rest: Any) -> Status:
    return {"containerStatuses": [{"image": "stars:1", "state": state, **rest}]}


def waiting(reason: str, message: str = "") -> Status:
    return container({"waiting": {"reason": reason, "message": message}})


def event(reason: str, message: str = "") -> dict[str, Any]:
    return {"type": "Warning", "reason": reason, "message": message}


UNSCHEDULABLE = {
    "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "2 Insufficient memory"}
    ]
}
UNBOUND = {
    "conditions": [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
        }
    ]
}
CRASHED = container(
    {"waiting": {"reason": "CrashLoopBackOff"}}, lastState={"terminated": {"exitCode": 3, "reason": "Error"}}
)


@pytest.mark.parametrize(
    ("status", "said", "is_final"),
    [
        (waiting("ErrImagePull", "not\nfound"), "stars:1 cannot be fetched (not found)", False),
        (waiting("ImagePullBackOff"), "cannot be fetched", False),
        (waiting("InvalidImageName"), "cannot be fetched", True),
        (waiting("CreateContainerConfigError", "no secret"), "CreateContainerConfigError: no secret", False),
        (container({"terminated": {"exitCode": 1, "reason": "Error"}}), "ended while it started (exit code 1)", True),
        (container({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}), "more memory", True),
        (CRASHED, "exit code 3", True),
        ({"initContainerStatuses": [{"state": {"terminated": {"exitCode": 2}}}]}, "exit code 2", True),
        (UNSCHEDULABLE, "No node has room for your server (2 Insufficient memory)", False),
        (
            {"phase": "Failed", "reason": "Evicted", "message": "disk is full"},
            "gave your server up (disk is full)",
            True,
        ),
    ],
)
def test_what_keeps_a_pod_from_starting(status: Status, said: str, is_final: bool) -> None:
    found = trouble(pod(status), None)
    assert found
    assert said in found.text
    assert found.is_final == is_final


@pytest.mark.parametrize(
    "status",
    [
        {},
        waiting("ContainerCreating"),
        waiting("PodInitializing"),
        container({"running": {}}),
        {"initContainerStatuses": [{"state": {"terminated": {"exitCode": 0}}}]},
        {"conditions": [{"type": "PodScheduled", "status": "True"}]},
        UNBOUND,
    ],
)
def test_a_pod_on_its_way(status: Status) -> None:
    assert trouble(pod(status), None) is None


def test_a_pod_that_is_being_removed() -> None:
    found = trouble(pod({}, deletionTimestamp="2026-01-01T00:00:00Z"), None)
    assert found
    assert found.is_final


def test_a_volume_that_cannot_be_mounted() -> None:
    found = trouble(pod({}), event("FailedMount", "no such configmap"))
    assert found
    assert not found.is_final
    assert "FailedMount: no such configmap" in found.text
    # What follows says that it was overcome, or that it never mattered.
    assert trouble(pod({}), event("Pulling")) is None
    assert trouble(pod({"phase": "Running"}), event("FailedMount")) is None


def test_long_messages_are_cut() -> None:
    found = trouble(pod(waiting("ErrImagePull", "x" * 5000)), None)
    assert found
    assert len(found.text) < 500


def test_stages_go_forward() -> None:
    unscheduled = {**pod({}), "spec": {}}
    stages = [
        stage(None, None),
        stage(unscheduled, None),
        stage({**pod(UNBOUND), "spec": {}}, None),
        stage(pod({}), event("Pulling")),
        stage(pod({}), event("Pulled")),
        stage(pod({"phase": "Running"}), None),
    ]
    assert [percent for percent, _ in stages] == sorted({percent for percent, _ in stages})
    assert len({text for _, text in stages}) == len(stages)
    assert stage(pod(UNSCHEDULABLE), None)[1].startswith("No node has room")
