"""A run reads as one line a phase, and a failure as one sentence."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


def _play(tmp_path: Path, tasks: str, *arguments: str, callbacks: str = "run_lock, preload") -> tuple[int, str]:
    """Run a play with the project's callbacks."""
    book = tmp_path / "play.yml"
    book.write_text(f"- name: Prepare\n  hosts: localhost\n  gather_facts: false\n  tasks:\n{tasks}")
    said = tmp_path / "said"
    with said.open("w") as output:
        run = subprocess.run(
            ["ansible-playbook", "-i", "hosts.example", str(book), *arguments],
            cwd=CHECKOUT,
            env=os.environ
            | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_CALLBACKS_ENABLED": callbacks}
            | {"PYTHONUNBUFFERED": ""},
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    return run.returncode, said.read_text() + run.stderr


def test_a_phase_is_one_line_with_what_changed(tmp_path: Path) -> None:
    code, said = _play(tmp_path, "    - {name: Run, ansible.builtin.command: 'true', changed_when: true}\n")
    assert code == 0
    lines = said.splitlines()
    assert lines[0].startswith("Prepare ")
    assert lines[0].endswith(" s  1 changed")
    assert lines[-1].endswith("in all: ok=1 changed=1 unreachable=0 failed=0")


def test_what_is_built_is_said_before(tmp_path: Path) -> None:
    names = ("First", "Program | Build program 1 of 2, sample", "Look")
    _, said = _play(tmp_path, "".join(f"    - {{name: '{name}', ansible.builtin.command: 'true'}}\n" for name in names))
    lines = said.splitlines()
    assert lines[0].endswith(" s  Build program 1 of 2, sample")
    assert lines[1].startswith("Prepare ")


@pytest.mark.parametrize(("name", "goes_on"), [("Build programs 2 to 3 of 7, one, two", True), ("Wait for it", False)])
def test_a_build_says_that_it_goes_on_until_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, goes_on: bool
) -> None:
    monkeypatch.setenv("Z2JH_BUILDING_SECONDS", "0.5")
    # It ends once that can be read in the output; what does not say it has two seconds for that.
    still = f"still: {name.partition(',')[0]}\n"
    takes = "timeout {} sh -c 'until grep \"{}\" said; do :; done'"
    commands = {
        "First": "true",
        name: takes.format(20 if goes_on else 2, still.strip()),
        "Build program 4 of 7, other": takes.format(20, "still: Build program 4 of 7"),
    }
    tasks = "".join(
        f"    - name: '{task}'\n      ansible.builtin.command:\n        chdir: '{tmp_path}'\n        cmd: >-\n"
        f"          {command}\n      failed_when: {str(goes_on).lower()} and __run.rc != 0\n      register: __run\n"
        for task, command in commands.items()
    )
    code, said = _play(tmp_path, tasks)
    assert code == 0, "what it waits for came in time"
    before, _, after = said.partition("  Build program 4 of 7, other\n")
    assert (still in before) is goes_on
    assert still not in after
    assert "still: Build program 4 of 7\n" in after


def test_a_failure_is_its_sentence_without_a_traceback(tmp_path: Path) -> None:
    code, said = _play(tmp_path, "    - {name: Stop here, ansible.builtin.fail: {msg: Do this instead.}}\n")
    assert code == 2
    lines = said.splitlines()
    assert lines[0].endswith("failed")
    assert lines[2] == "Do this instead."
    assert lines[3] == "(on localhost, in task: Stop here; -v shows more)"
    assert "fatal" not in said
    assert "Traceback" not in said


def test_a_failed_command_is_said_by_its_last_line(tmp_path: Path) -> None:
    code, said = _play(tmp_path, "    - {name: Run, ansible.builtin.shell: 'echo first >&2; echo last >&2; exit 3'}\n")
    assert code == 2
    assert said.splitlines()[2] == "last"


def test_a_failed_item_is_said_once(tmp_path: Path) -> None:
    code, said = _play(
        tmp_path, "    - {name: Run, ansible.builtin.fail: {msg: 'No {{ item }}.'}, when: item == 2, loop: [1, 2]}\n"
    )
    assert code == 2
    assert said.count("No 2.") == 1


def test_a_failure_that_is_rescued_is_no_failure_of_the_run(tmp_path: Path) -> None:
    tasks = (
        "    - name: Try\n      block: [{name: Fail, ansible.builtin.command: 'false'}]\n"
        "      rescue: [{name: Mend, ansible.builtin.debug: {msg: Mended.}}]\n"
    )
    code, said = _play(tmp_path, tasks)
    assert code == 0
    assert "Mended." in said
    assert "failed\n" not in said


def test_of_a_failure_that_cannot_be_mended_the_rescue_alone_tells(tmp_path: Path) -> None:
    (tmp_path / "inner.yml").write_text("- {name: Fail, ansible.builtin.fail: {msg: First.}}\n")
    tasks = (
        "    - name: Try\n      block: [{name: Include, ansible.builtin.include_tasks: inner.yml}]\n"
        "      rescue: [{name: Say, ansible.builtin.fail: {msg: Do this instead.}}]\n"
    )
    code, said = _play(tmp_path, tasks)
    assert code == 2
    assert "First." not in said
    assert "Do this instead." in said


def test_verbose_shows_every_task(tmp_path: Path) -> None:
    _, said = _play(tmp_path, "    - {name: Run, ansible.builtin.command: 'true', changed_when: true}\n", "-v")
    assert "TASK [Run]" in said


def test_nothing_is_said_of_a_phase_whose_tasks_are_all_skipped(tmp_path: Path) -> None:
    (tmp_path / "inner.yml").write_text("- {name: Skip too, ansible.builtin.command: 'true', when: false}\n")
    tasks = (
        "    - {name: Skip, ansible.builtin.command: 'true', when: false}\n"
        "    - {name: Skip each, ansible.builtin.command: 'true', loop: [1], when: false}\n"
        f"    - {{name: Include, ansible.builtin.include_tasks: {tmp_path}/inner.yml}}\n"
        "    - {name: Validate, ansible.builtin.validate_argument_spec: {argument_spec: {}}}\n"
    )
    code, said = _play(tmp_path, tasks)
    assert code == 0
    assert said.splitlines()[0] == ""
    assert "Prepare" not in said


def test_filters_are_loaded_once_and_not_for_each_task(tmp_path: Path) -> None:
    (tmp_path / "filter_plugins").mkdir()
    (tmp_path / "filter_plugins" / "counted.py").write_text(
        f"with open({str(tmp_path / 'loaded')!r}, 'a') as loaded:\n    loaded.write('x')\n\n\n"
        "class FilterModule:\n    def filters(self):\n        return {'counted': str}\n"
    )
    tasks = "".join(
        f"    - {{name: Task {n}, ansible.builtin.debug: {{msg: '{{{{ {n} | counted }}}}'}}}}\n" for n in range(3)
    )
    times = {}
    for callbacks in ("run_lock", "run_lock, preload"):
        (tmp_path / "loaded").write_text("")
        code, said = _play(tmp_path, tasks, callbacks=callbacks)
        assert code == 0, said
        times[callbacks] = len((tmp_path / "loaded").read_text())
    # Control: without it, each task loads them.
    assert times == {"run_lock": 3, "run_lock, preload": 1}
