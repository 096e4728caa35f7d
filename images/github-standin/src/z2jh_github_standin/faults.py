"""Switchable faults: what a hub sees when GitHub is ill."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

MODES = ("off", "5xx", "slow", "rate-limit", "garbage")
TARGETS = ("api", "token")
LONGEST = 600.0


@dataclass(frozen=True)
class Fault:
    """What goes wrong (`mode`), where (`targets`), and for `slow`, how long each answer waits."""

    mode: str = "off"
    targets: tuple[str, ...] = TARGETS
    seconds: float = 60.0

    @classmethod
    def parse(cls, document: Any) -> Fault:
        """Check a request to switch faults; raises ValueError that says what is wrong."""
        if not isinstance(document, Mapping) or not set(document) <= {"mode", "targets", "seconds"}:
            raise ValueError("send an object with mode, and if you like targets and seconds")
        mode, targets, seconds = document.get("mode"), document.get("targets", TARGETS), document.get("seconds", 60)
        if mode not in MODES:
            raise ValueError(f"mode is one of {', '.join(MODES)}")
        if not isinstance(targets, list | tuple) or not targets or any(entry not in TARGETS for entry in targets):
            raise ValueError(f"targets is a list of {', '.join(TARGETS)}")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST:
            raise ValueError(f"seconds is a number up to {LONGEST:.0f}")
        return cls(mode, tuple(targets), float(seconds))

    def describe(self) -> dict[str, Any]:
        """Return the state as JSON data."""
        return asdict(self)

    async def strike(self, target: str) -> Response | None:
        """Return the faulty answer, or None when the request is to be answered as usual (late, if slow)."""
        if self.mode == "off" or target not in self.targets:
            return None
        if self.mode == "slow":
            await asyncio.sleep(self.seconds)
            return None
        if self.mode == "5xx":
            return JSONResponse({"message": "Server Error (a fault that was switched on)"}, 502)
        if self.mode == "rate-limit":
            reset = {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "0", "x-ratelimit-used": "5000"}
            reset |= {"x-ratelimit-reset": str(int(time.time()) + 3600), "x-ratelimit-resource": "core"}
            return JSONResponse({"message": "API rate limit exceeded (a fault that was switched on)."}, 403, reset)
        return Response('<!doctype html>\n<p>Unicorn!</p>\n{"login": ', media_type="application/json")
