"""Of all that kubeadm says, one line is why it failed."""

from __future__ import annotations

import pytest
from loading import load

reason = load("plugins/filter/kubeadm.py").kubeadm_reason

HINT = "To see the stack trace of this error execute with --v=5 or higher\n"
PREFLIGHT = """	[WARNING Service-kubelet]: error is not meant
[preflight] Some fatal errors occurred:
	[ERROR Port-10250]: Port 10250 is in use
error: error execution phase preflight: preflight checks failed
"""
TIMEOUT = "error: error execution phase kubelet-wait-bootstrap: failed while waiting for TLS bootstrap\n"


@pytest.mark.parametrize(
    ("result", "line"),
    [
        ({"stderr": PREFLIGHT + HINT}, "[ERROR Port-10250]: Port 10250 is in use"),
        ({"stderr": TIMEOUT + HINT}, TIMEOUT.strip()),
        ({"stderr": "panic: something else\n\n"}, "panic: something else"),
        ({"stderr": "", "msg": "No such file or directory"}, "No such file or directory"),
        ({}, "it did not say why"),
    ],
    ids=["preflight", "phase", "another", "not-run", "nothing"],
)
def test_the_reason(result: dict[str, str], line: str) -> None:
    assert reason(result) == line
