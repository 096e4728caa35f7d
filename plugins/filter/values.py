"""Values that an operator gives a chart: one sentence for each that the chart does not take."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import ValidationError

DOCUMENTATION = """
name: values_findings
short_description: What a chart's schema refuses of an operator's values, one sentence each
version_added: "1.0"
author: z2jh
description:
  - Compares values that are laid over ours with the schema of the chart; what they leave out, ours have. Empty when all
    is well. No value appears in a sentence, since it may be a secret.
options:
  _input:
    description: The operator's values.
    type: raw
    required: true
  setting:
    description: Name of the variable that holds them.
    type: str
    required: true
  chart:
    description: Folder of the chart.
    type: path
    required: true
"""


def _place(error: ValidationError, *more: str) -> str:
    """Write where in the values something is, as helm's --set would."""
    text = ""
    for part in (*error.absolute_path, *more):
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _sentences(error: ValidationError, setting: str, chart: str) -> Iterator[str]:
    """Say what is wrong; `null` takes a value of ours away, and whatever is required is among ours."""
    if error.validator == "required" or error.instance is None:
        return
    instance: Any = error.instance
    if error.validator == "additionalProperties" and isinstance(error.schema, Mapping):
        known = list(error.schema.get("properties", {}))
        for key in sorted(set(instance) - set(known)):
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"did you mean {_place(error, near[0])}?" if near else f"there are {', '.join(sorted(known))}."
            yield f"{setting} sets {_place(error, key)}, which the chart {chart} does not know: {hint}"
        return
    wanted = f" ({error.validator} {error.validator_value})" if isinstance(error.validator_value, str | int) else ""
    yield f"{setting} sets {_place(error)} to what the chart {chart} does not take{wanted}."


def values_findings(values: Any, setting: str, chart: str) -> list[str]:
    """Say what the schema of a chart refuses of values; see DOCUMENTATION."""
    if not isinstance(values, Mapping):
        return [f"{setting} must map names of the chart's values to values."]
    if not values:
        return []
    # Here, as it takes a second, and each run loads all filters.
    from jsonschema import Draft7Validator

    schema = json.loads((Path(chart) / "values.schema.json").read_text(encoding="utf-8"))
    errors = sorted(Draft7Validator(schema).iter_errors(values), key=lambda error: [str(part) for part in error.path])
    return [sentence for error in errors for sentence in _sentences(error, setting, Path(chart).name)]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filters of this file."""
        return {"values_findings": values_findings}
