"""Why kubeadm failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = """
name: kubeadm_reason
short_description: The line in which kubeadm says why it failed
version_added: "1.0"
author: z2jh
description:
  - A check that failed says more than the error at the end, and that more than the hint after it.
options:
  _input:
    description: What module command returned.
    type: dict
    required: true
"""


def kubeadm_reason(result: Mapping[str, Any]) -> str:
    """Return the line that says why kubeadm failed; see DOCUMENTATION."""
    lines = [line.strip() for line in str(result.get("stderr") or "").splitlines() if line.strip()]
    for beginning in ("[ERROR ", "error: "):
        for line in lines:
            if line.startswith(beginning):
                return line
    return lines[-1] if lines else str(result.get("msg") or "it did not say why")


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filters of this file."""
        return {"kubeadm_reason": kubeadm_reason}
