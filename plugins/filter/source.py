"""What artifact_source auto comes to, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

DOCUMENTATION = """
name: source_choice
short_description: The source that auto comes to, and the reason
version_added: "1.0"
author: z2jh
description:
  - Goes on with the source that made the cache; else takes upstream if all of it can be checked and answered.
options:
  _input:
    description: Which source made what the cache holds, or an empty text.
    type: str
    required: true
  unpinned:
    description: What upstream would have to take without a checksum.
    type: list
    elements: str
    required: true
  answers:
    description: What module uri said of each address of upstream.
    type: list
    elements: dict
    required: true
"""

# A registry answers 401 to those without a token, which it gives to anyone.
ANSWERED = (200, 401)


def cached_source(program: str, cache: str) -> str:
    """Return the source that made a program of the cache, by where its link leads; an empty text if none did."""
    made, folder = Path(program).resolve(), Path(cache).resolve()
    return {folder / "upstream": "upstream", folder / "go": "registries"}.get(
        next((parent for parent in made.parents if parent.parent == folder), folder), ""
    )


def source_choice(cached: str, unpinned: Sequence[str], answers: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the source and the reason; see DOCUMENTATION."""
    if cached:
        return {"source": cached, "reason": "the programs in the cache are from there"}
    if unpinned:
        return {"source": "registries", "reason": f"upstream has no checksum of {', '.join(unpinned)}"}
    silent = [str(answer["item"]) for answer in answers if answer.get("status") not in ANSWERED]
    if silent:
        return {"source": "registries", "reason": f"{silent[0]} does not answer"}
    return {"source": "upstream", "reason": "all its releases and registries answer"}


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filters of this file."""
        return {"cached_source": cached_source, "source_choice": source_choice}
