"""Fixtures of the tests on a live platform."""

from __future__ import annotations

from live.fixtures import ada, ada_pod, cluster, edwin, grace, grace_pod, hub_pod, platform, sign_in

__all__ = ["ada", "ada_pod", "cluster", "edwin", "grace", "grace_pod", "hub_pod", "platform", "sign_in"]
