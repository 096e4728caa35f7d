"""Loads filters and tests once, before the first task."""

from __future__ import annotations

import gc

from ansible.playbook import Playbook
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import filter_loader, test_loader

DOCUMENTATION = """
name: preload
type: aggregate
short_description: Load filters and tests once
version_added: "1.0"
author: z2jh
description:
  - Ansible runs each task in a fork of itself, and each fork loads every filter and test again.
  - What is loaded before the first fork, all forks have. That was a third of a second run's time.
  - Nothing of it is ever garbage, so the garbage collector leaves it alone and looks at the rest less often. That was a
    fifteenth.
"""

# Python's own value is made for programs that run long with little: 700, or 2000 since 3.13.
OBJECTS = 50_000


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Ansible's entry point."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "preload"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook: Playbook) -> None:
        """Load them all."""
        for loader in (filter_loader, test_loader):
            list(loader.all())
        gc.collect()
        gc.freeze()
        gc.set_threshold(OBJECTS)
