"""What all tests share: this folder is importable, and where checkov is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def checkov() -> str:
    """Return the program: $CHECKOV, or the one that make check has installed."""
    from scanning import CACHE

    installed = sorted(CACHE.glob("venv-checkov-*/bin/checkov"))
    program = os.environ.get("CHECKOV") or next(iter(map(str, installed)), None)
    if not program:
        pytest.skip("no checkov: set CHECKOV, or run make check")
    return program
