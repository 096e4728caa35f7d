#!/usr/bin/env python3
"""Write the README of each role from its meta/argument_specs.yml and defaults/main.yml.

Usage: role_readmes.py [--check]. With --check nothing is written, and the exit code says whether all are current.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parent.parent / "roles"


class _Loader(yaml.SafeLoader):
    """Reads Ansible's YAML; tags such as !unsafe count as their text."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: loader.construct_scalar(node))


def _load(path: Path) -> dict[str, Any]:
    return yaml.load(path.read_text(), _Loader) or {} if path.exists() else {}  # noqa: S506 - derived from SafeLoader


def _text(value: str | list[str]) -> str:
    """Join a description; C(...) of Ansible's documentation becomes code."""
    return re.sub(r"C\(([^)]*)\)", r"`\1`", " ".join(value) if isinstance(value, list) else value)


def _default(name: str, option: dict[str, Any], defaults: dict[str, Any]) -> str:
    """Show a default that fits in a cell; point to the file for what does not."""
    if name not in defaults:
        return "none: it must be given" if option.get("required") else "none"
    value = defaults[name]
    shown = '""' if value == "" else str(value).strip() if isinstance(value, str) else yaml.safe_dump(value).strip()
    shown = shown.removesuffix("\n...")
    return "see defaults/main.yml" if "\n" in shown or len(shown) > 60 else f"`{shown.replace('|', chr(92) + '|')}`"


def _entry(name: str, spec: dict[str, Any], defaults: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of one entry point."""
    if name != "main":
        yield f"\n## Entry point {name}\n"
        yield f"{spec['short_description']}.\n"
    if description := spec.get("description"):
        yield f"{_text(description)}\n"
    if options := spec.get("options"):
        yield "| variable | type | what it is | default |"
        yield "|---|---|---|---|"
        for option, about in options.items():
            kind = about.get("type", "str") + (f" of {about['elements']}" if "elements" in about else "")
            what = _text(about.get("description", "")).replace("|", "\\|")
            yield f"| `{option}` | {kind} | {what} | {_default(option, about, defaults)} |"


def readme(role: Path) -> str:
    """Make the README of a role."""
    specs = _load(role / "meta/argument_specs.yml")["argument_specs"]
    defaults = _load(role / "defaults/main.yml")
    lines = [
        f"# Role {role.name}\n",
        f"{specs['main']['short_description']}.\n",
        "Made from meta/argument_specs.yml by scripts/role_readmes.py; edit that.\n",
    ]
    for name in sorted(specs, key=lambda entry: (entry != "main", entry)):
        if name != "main" and specs[name] == specs["main"]:
            lines.append(f"\n## Entry point {name}\n\nTakes the same variables.")
        else:
            lines += _entry(name, specs[name], defaults)
    return "\n".join(lines).rstrip() + "\n"


def main(arguments: list[str]) -> int:
    """Write the READMEs, or compare them."""
    stale = []
    for specs in sorted(ROLES.glob("*/meta/argument_specs.yml")):
        role = specs.parent.parent
        path, text = role / "README.md", readme(role)
        if not path.exists() or path.read_text() != text:
            stale.append(role.name)
            if "--check" not in arguments:
                path.write_text(text)
    if stale and "--check" in arguments:
        sys.stderr.write(f"Run scripts/role_readmes.py: the READMEs of {', '.join(stale)} are not current.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
