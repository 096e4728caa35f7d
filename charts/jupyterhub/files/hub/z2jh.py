"""What the chart gave the hub: values, secrets and object names.

Snippets in ``hub.extraConfig`` import these functions, so their names are part
of the chart's interface.
"""

from __future__ import annotations

import copy
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
_MISSING = object()


@lru_cache(maxsize=1)
def _values() -> dict[str, Any]:
    values = yaml.safe_load((HERE / "secret" / "values.yaml").read_text(encoding="utf-8"))
    return values if isinstance(values, dict) else {}


def get_config(key: str, default: Any = None) -> Any:
    """Return the chart value at a dotted path such as ``singleuser.cpu.limit``."""
    value: Any = _values()
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            return default
        value = value[part]
    return copy.deepcopy(value)


def set_config_if_not_none(cparent: Any, name: str, key: str) -> None:
    """Set trait ``name`` of ``cparent`` from the chart value ``key`` if it has one."""
    value = get_config(key)
    if value is not None:
        setattr(cparent, name, value)


def get_secret_value(key: str, default: Any = _MISSING) -> Any:
    """Return one key of the chart's Secret."""
    path = HERE / "secret" / key
    if path.exists():
        return path.read_text(encoding="utf-8")
    if default is _MISSING:
        raise KeyError(f"the Secret of the hub has no key {key}")
    return default


def get_name(name: str) -> str:
    """Return the name in the cluster of an object the chart calls ``name``."""
    return (HERE / "config" / name).read_text(encoding="utf-8").strip()


def get_name_env(name: str, suffix: str = "") -> str:
    """Return the environment variable that Kubernetes sets for a Service, such as its port."""
    return os.environ[get_name(name).upper().replace("-", "_") + suffix]
