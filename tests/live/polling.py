"""Waiting for conditions that have names and deadlines."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: str, check: Callable[[], T], seconds: float, every: float = 0.5) -> T:
    """Return what `check` returns once that is true; fail with the condition's name when the time is over."""
    end = time.monotonic() + seconds
    while not (answer := check()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:g} s: {condition} (last answer: {answer!r})")
        time.sleep(every)
    return answer
