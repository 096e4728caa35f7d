"""What checkov finds in manifests, and what waivers.yml leaves as it is."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml
from loading import CHECKOUT

CACHE = Path(yaml.safe_load((CHECKOUT / "group_vars/all/settings.yml").read_text(encoding="utf-8"))["cache_dir"])
WAIVERS: dict[str, dict[str, Any]] = yaml.safe_load((CHECKOUT / "tests/waivers.yml").read_text(encoding="utf-8"))


def findings(program: str, folder: Path) -> dict[str, set[str]]:
    """Return the objects that fail, as Kind/name, by check."""
    run = subprocess.run(
        [program, "--directory", str(folder), "--framework", "kubernetes", "--output", "json", "--skip-download"],
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[str, set[str]] = defaultdict(set)
    report: dict[str, Any] = json.loads(run.stdout)
    assert report["summary"]["passed"] > 0
    assert report["summary"]["parsing_errors"] == 0
    for failed in report["results"]["failed_checks"]:
        kind, _, name = failed["resource"].split(".", 2)
        # The pod of a template has its labels after its name.
        found[failed["check_id"]].add(f"{kind}/{name.partition('.')[0] if kind == 'Pod' else name}")
    return dict(found)


def waived(part: str, found: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return what is waived of a part, as it would be found."""
    waivers = WAIVERS[part]
    assert all(waiver["reason"] for waiver in waivers.values())
    return {
        check: found.get(check, {"none"}) if it["objects"] == "all" else set(it["objects"])
        for check, it in waivers.items()
    }
