"""The tasks at which tests/deployment/test_interruption.py kills a run are tasks that runs come to."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from loading import CHECKOUT

TEST = ast.parse((CHECKOUT / "tests/deployment/test_interruption.py").read_text())
POINTS: tuple[str, ...] = next(
    ast.literal_eval(line.value) for line in TEST.body if isinstance(line, ast.Assign) and "POINTS" in ast.dump(line)
)


def names(tasks: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the names of tasks and of those in their blocks, without imports, which no run shows."""
    for task in tasks:
        if not any("import_" in key for key in task):
            yield task["name"]
        for part in ("block", "rescue", "always"):
            yield from names(task.get(part, []))


TASKS = [
    re.sub(r"\\{\\{.*?\\}\\}", ".+", re.escape(name))
    for file in CHECKOUT.glob("roles/*/tasks/*.yml")
    for name in names(yaml.safe_load(file.read_text()))
]


@pytest.mark.parametrize("point", POINTS)
def test_a_point_is_a_task(point: str) -> None:
    assert any(re.fullmatch(task, point) for task in TASKS)
