"""One line for each phase with its time, and a failure as one sentence before anything else."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from ansible import constants
from ansible.executor.task_result import CallbackTaskResult
from ansible.playbook.play import Play
from ansible.playbook.task import Task
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback.default import CallbackModule as DefaultCallback

DOCUMENTATION = """
name: phases
type: stdout
short_description: One line a phase, one sentence a failure
version_added: "1.0"
author: z2jh
description:
  - A phase is a role, or the tasks that a play has of its own. Each is one line with its time and how much it changed.
  - A phase whose tasks are all skipped is not mentioned.
  - A phase that takes long says every few seconds' work which task it is at; what it builds it says before, and every
    minute while it does, as that alone may take minutes.
  - A failure is its message alone; C(-v) shows every task, as the default callback does.
options:
  building_seconds:
    description: How often a build says that it goes on.
    type: float
    default: 60
    env: [{name: Z2JH_BUILDING_SECONDS}]
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""

# A task that began this many seconds after the last line is named, so that a long phase shows where it is.
QUIET_SECONDS = 15.0

# Names of tasks that build some things of several.
BUILDS = re.compile(r"^Build \w+ (\d+ to )?\d+ of \d+")

# What Ansible puts before the tasks of each role.
VALIDATION = "ansible.builtin.validate_argument_spec"


def clock(seconds: float) -> str:
    """Write a time as people read it.

    >>> clock(4.2), clock(75)
    ('4 s', '1 min 15 s')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def sentence(result: Mapping[str, Any]) -> str:
    """Say in the words of the failed task what is wrong; one line, or one a finding."""
    for item in result.get("results", []):
        if item.get("failed"):
            return sentence(item)
    message = str(result.get("msg") or "").strip()
    details = str(result.get("stderr") or result.get("module_stderr") or result.get("stdout") or "").strip()
    if details and (message in ("", "non-zero return code") or message.startswith("MODULE FAILURE")):
        return details.splitlines()[-1]
    return message or "It failed and did not say why: run again with -v."


def rescued(task: Task) -> bool:
    """Say whether a rescue follows when this task fails, which then says what is wrong if it cannot mend it."""
    child, parent = task, task._parent
    while parent is not None:
        if getattr(parent, "rescue", None) and child._uuid in [one._uuid for one in parent.block]:
            return True
        child, parent = parent, parent._parent
    return False


class CallbackModule(DefaultCallback):  # type: ignore[misc]
    """Ansible's entry point."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "phases"

    def __init__(self) -> None:
        super().__init__()
        self._begin = self._phase_begin = self._last_line = time.monotonic()
        self._phase = ""
        self._play = ""
        self._changed = 0
        self._ran = False
        self._failed = False
        self._built = threading.Event()
        self._watch = threading.Thread()

    @property
    def _verbose(self) -> bool:
        return bool(self._display.verbosity)

    def _say(self, text: str, color: str | None = None) -> None:
        self._last_line = time.monotonic()
        self._display.display(text, color=color)

    def _begin_build(self, name: str) -> None:
        """Say every now and then that it goes on."""
        self._built = threading.Event()
        self._watch = threading.Thread(target=self._say_that_it_goes_on, args=(name, self._built), daemon=True)
        self._watch.start()

    def _end_build(self) -> None:
        """Say so no more, if there was one."""
        self._built.set()
        if self._watch.is_alive():
            self._watch.join()

    def _say_that_it_goes_on(self, name: str, built: threading.Event) -> None:
        """Say of a build every now and then that it goes on, until it is over; Ansible flushes only between tasks."""
        which = name.partition(",")[0]
        while not built.wait(self.get_option("building_seconds")):
            self._say(f"  {clock(time.monotonic() - self._phase_begin):>10}  still: {which}")
            sys.stdout.flush()

    def _end_phase(self) -> None:
        """Write the line of the phase that is over."""
        self._end_build()
        if self._phase and (self._ran or self._failed) and not self._verbose:
            took = clock(time.monotonic() - self._phase_begin)
            changed = f"{self._changed} changed" if self._changed else "nothing to change"
            state, color = ("failed", constants.COLOR_ERROR) if self._failed else (changed, constants.COLOR_OK)
            self._say(f"{self._phase:<44} {took:>12}  {state}", color)
        self._phase, self._changed, self._ran = "", 0, False

    def v2_playbook_on_play_start(self, play: Play) -> None:
        """Begin a play; its name stands before those of its roles."""
        self._end_phase()
        self._play = play.get_name()
        if self._verbose:
            super().v2_playbook_on_play_start(play)

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """Say nothing of a play for machines that this place does not have."""

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:
        """Begin a phase when the task is of another role than the last."""
        if self._verbose:
            super().v2_playbook_on_task_start(task, is_conditional)
            return
        self._end_build()
        role = task._role
        # A role that another one uses is part of that one's phase.
        while role and role.get_parents():
            role = role.get_parents()[0]
        phase = f"{self._play}: {role.get_name().replace('_', ' ')}" if role else self._play
        now = time.monotonic()
        if phase != self._phase:
            self._end_phase()
            self._phase, self._phase_begin = phase, now
            return
        name = task.get_name().rpartition(" : ")[2].rpartition(" | ")[2]
        builds = BUILDS.match(name)
        if now - self._last_line > QUIET_SECONDS or builds:
            self._say(f"  {clock(now - self._phase_begin):>10}  {name}")
        if builds:
            self._begin_build(name)

    def v2_playbook_on_include(self, included_file: Any) -> None:
        """Say nothing of included files."""
        if self._verbose:
            super().v2_playbook_on_include(included_file)

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        """Count what changed, and pass on what a debug task says."""
        self._changed += bool(result.result.get("changed"))
        self._ran |= not isinstance(result.task, TaskInclude) and result.task.action != VALIDATION
        if self._verbose:
            super().v2_runner_on_ok(result)
        elif result.task.action in constants._ACTION_DEBUG and "msg" in result.result:
            self._end_phase()
            message = result.result["msg"]
            self._say("\n".join(map(str, message)) if isinstance(message, list) else str(message))

    def v2_runner_on_skipped(self, result: CallbackTaskResult) -> None:
        """Say nothing of skipped tasks."""
        if self._verbose:
            super().v2_runner_on_skipped(result)

    def v2_runner_item_on_ok(self, result: CallbackTaskResult) -> None:
        """Name the item when a loop takes long."""
        if self._verbose:
            super().v2_runner_item_on_ok(result)
        elif time.monotonic() - self._last_line > QUIET_SECONDS:
            label = self._get_item_label(result.result)
            self._say(f"  {clock(time.monotonic() - self._phase_begin):>10}  {result.task_name}: {label}")

    def v2_runner_item_on_skipped(self, result: CallbackTaskResult) -> None:
        """Say nothing of skipped items."""
        if self._verbose:
            super().v2_runner_item_on_skipped(result)

    def v2_runner_item_on_failed(self, result: CallbackTaskResult) -> None:
        """Leave the item to the failure of its task."""
        if self._verbose:
            super().v2_runner_item_on_failed(result)

    def v2_runner_retry(self, result: CallbackTaskResult) -> None:
        """Say what is waited for, when it takes long."""
        if self._verbose:
            super().v2_runner_retry(result)
        elif time.monotonic() - self._last_line > QUIET_SECONDS:
            self._say(f"  {clock(time.monotonic() - self._phase_begin):>10}  still waiting: {result.task_name}")

    def v2_runner_on_failed(self, result: CallbackTaskResult, ignore_errors: bool = False) -> None:
        """Say what is wrong in one sentence; then where, and how to see more."""
        if self._verbose:
            super().v2_runner_on_failed(result, ignore_errors=ignore_errors)
        elif not ignore_errors and not rescued(result.task):
            self._stop(result, sentence(result.result))

    def v2_runner_on_unreachable(self, result: CallbackTaskResult) -> None:
        """Say which host does not answer."""
        if self._verbose:
            super().v2_runner_on_unreachable(result)
        elif not result.task.ignore_unreachable:
            self._stop(result, f"{result.host.get_name()} does not answer: {sentence(result.result)}")

    def _stop(self, result: CallbackTaskResult, text: str) -> None:
        self._failed = True
        self._end_phase()
        self._failed = False
        self._say(f"\n{text}", constants.COLOR_ERROR)
        where = f"{result.host.get_name()}, in task: {result.task_name}"
        self._say(f"(on {where}; -v shows more)")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """End with the sums that tell whether anything changed."""
        self._end_phase()
        if self._verbose:
            super().v2_playbook_on_stats(stats)
            return
        sums = {name: sum(getattr(stats, name).values()) for name in ("ok", "changed", "failures", "dark")}
        self._say(
            f"\n{clock(time.monotonic() - self._begin)} in all: ok={sums['ok']} changed={sums['changed']} "
            f"unreachable={sums['dark']} failed={sums['failures']}"
        )
