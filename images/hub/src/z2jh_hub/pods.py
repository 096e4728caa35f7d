"""What the state of a pod that starts means to the person who waits for it, in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

# A pod, and an event about one, as the Kubernetes API shows them.
Pod = dict[str, Any]
Event = dict[str, Any]

TELL = "If that does not help, tell the administrators of this hub."
# Of these reasons Kubernetes says that a container waits while all is well.
ON_ITS_WAY = {"ContainerCreating", "PodInitializing", None}
# With these events a node says that it cannot make the pod ready for its containers.
UNPREPARED = {"FailedAttachVolume", "FailedCreatePodSandBox", "FailedMapVolume", "FailedMount"}
IMAGE_MISSING = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}


@dataclass(frozen=True)
class Trouble:
    """Why a pod does not start and what its owner can do; unless final, it may pass by itself."""

    text: str
    is_final: bool = False


# So the scheduler calls a pod whose volume is still being made.
UNBOUND = "unbound immediate PersistentVolumeClaims"
REMOVED = Trouble("Kubernetes removed your server while it started. Please start it again.", is_final=True)


def brief(message: str | None) -> str:
    """Return a message of Kubernetes in one short line."""
    line = " ".join((message or "no reason given").split())
    return line if len(line) <= 240 else f"{line[:240]}..."


def _containers(pod: Pod) -> Iterator[dict[str, Any]]:
    """Yield the states of the containers that hold up a pod: all but initial ones that did their work."""
    status = pod["status"]
    for container in status.get("initContainerStatuses") or []:
        if container["state"].get("terminated", {}).get("exitCode") != 0:
            yield container
    yield from status.get("containerStatuses") or []


def _container_trouble(container: dict[str, Any]) -> Trouble | None:
    ended = container["state"].get("terminated") or container.get("lastState", {}).get("terminated")
    if ended and ended.get("reason") == "OOMKilled":
        text = "Your server needed more memory to start than its size allows. Please choose a larger size."
        return Trouble(text, is_final=True)
    if ended:
        text = f"Your server ended while it started (exit code {ended.get('exitCode')}). Please start it again. {TELL}"
        return Trouble(text, is_final=True)
    waiting = container["state"].get("waiting") or {}
    reason, message = waiting.get("reason"), brief(waiting.get("message"))
    if reason in ON_ITS_WAY:
        return None
    if reason in IMAGE_MISSING:
        text = f"The image {container['image']} cannot be fetched ({message}). Please choose another one. {TELL}"
        return Trouble(text, is_final=reason == "InvalidImageName")
    return Trouble(f"Your server's container cannot be made ({reason}: {message}). Please try again. {TELL}")


def _unschedulable(pod: Pod) -> str | None:
    """Return why no node takes a pod, if the scheduler says so."""
    for condition in pod["status"].get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return brief(condition.get("message"))
    return None


def trouble(pod: Pod, latest: Event | None) -> Trouble | None:
    """Say what keeps a pod from starting, if anything does, by its state and the latest event about it."""
    if pod["metadata"].get("deletionTimestamp"):
        return REMOVED
    for container in _containers(pod):
        if found := _container_trouble(container):
            return found
    status = pod["status"]
    if status["phase"] in ("Failed", "Succeeded"):
        said = brief(status.get("message") or status.get("reason"))
        return Trouble(f"Kubernetes gave your server up ({said}). Please start it again. {TELL}", is_final=True)
    if (why := _unschedulable(pod)) and UNBOUND not in why:
        text = f"No node has room for your server ({why}). Please choose a smaller size, or try again later. {TELL}"
        return Trouble(text)
    if status["phase"] == "Pending" and latest and latest["reason"] in UNPREPARED:
        text = f"The node cannot prepare your server ({latest['reason']}: {brief(latest['message'])}). "
        return Trouble(f"{text}Please try again. {TELL}")
    return None


def stage(pod: Pod | None, latest: Event | None) -> tuple[int, str]:
    """Say how far a start is: a percentage, and what it waits for."""
    if pod is None:
        return 10, "Asking Kubernetes for your server."
    if found := trouble(pod, latest):
        return 20, found.text
    if pod["status"]["phase"] == "Running":
        return 80, "Your server is running. Waiting for its first answer."
    if latest and latest["reason"] == "Pulling":
        return 40, "Fetching the image. Each node does so once, and it can take some minutes."
    if pod["spec"].get("nodeName"):
        return 60, "A node has room. Opening your home directory and starting your server."
    if UNBOUND in (_unschedulable(pod) or ""):
        return 30, "Making the storage of your home directory."
    return 20, "Looking for a node with room for your server."


def ending(events: Iterable[Event]) -> str:
    """Say why Kubernetes ended a pod that ran, by the events about it, or nothing where its owner knows.

    Its state says so too, but later than that its container has ended.
    """
    message = next((event["message"] for event in events if event["reason"] == "Evicted"), None)
    if message is None:
        return ""
    if "ephemeral" in message:
        return "It wrote more to folders outside your home, such as /tmp, than a server may, so it was ended."
    return f"Its node had too little left for it ({brief(message)}), so it was ended."
