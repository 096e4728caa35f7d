"""The commands are what the documentation says, and the files of each role are whole."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
ROLES = sorted(path for path in (CHECKOUT / "roles").iterdir() if (path / "tasks").is_dir())
TARGETS = ("help", "up", "test", "check", "status", "down", "bench", "life")


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, cwd=CHECKOUT, env=os.environ | environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_is_one_script_and_is_helped(target: str) -> None:
    assert f"make {target} " in _run("make", "help").stdout.replace("\t", " ") + " "
    if target != "help":
        assert _run("make", "--no-print-directory", "--dry-run", target).stdout.split() == [f"scripts/{target}.sh"]
        assert os.access(CHECKOUT / "scripts" / f"{target}.sh", os.X_OK)


def test_status_of_nothing_is_a_sentence_and_3(tmp_path: Path) -> None:
    for name in ("scripts/lib.sh", "scripts/status.sh", "group_vars/all/settings.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((CHECKOUT / name).read_text())
    run = subprocess.run(["bash", str(tmp_path / "scripts/status.sh")], capture_output=True, text=True, check=False)
    assert run.returncode == 3
    assert run.stderr == "Stopped: Nothing was deployed from this checkout: run make up.\n"
    assert run.stdout == ""


def take_down(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run down.sh in a folder that has no inventory."""
    for name in ("scripts/lib.sh", "scripts/down.sh", "group_vars/all/settings.yml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text((CHECKOUT / name).read_text())
    command = ["bash", str(folder / "scripts/down.sh"), "--yes"]
    environment = os.environ | {"INVENTORY": "hosts"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_without_inventory_and_state_there_is_nothing_to_remove(tmp_path: Path) -> None:
    run = take_down(tmp_path)
    assert run.returncode == 0
    assert run.stderr == "Stopped: There is no inventory hosts, so there is nothing to remove.\n"


def test_what_was_made_is_not_forgotten_without_its_inventory(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    run = take_down(tmp_path)
    assert run.returncode == 1
    assert run.stderr == (
        "Stopped: There is no inventory hosts, and state/ is of a platform that runs somewhere: give its inventory "
        "(INVENTORY=...).\n"
    )


@pytest.mark.parametrize("line", ["cache_dir=/srv/z2jh", "cache_dir: /srv/z2jh", 'cache_dir = "/srv/z2jh"'])
def test_scripts_take_the_cache_that_the_inventory_names(tmp_path: Path, line: str) -> None:
    (tmp_path / "hosts").write_text(f"[all:vars]\nplace=local\n{line}\n")
    said = ". scripts/lib.sh; echo $cache_dir"
    assert _run("bash", "-c", said, INVENTORY=f"{tmp_path}/hosts").stdout == "/srv/z2jh\n"
    assert _run("bash", "-c", said, INVENTORY="/nowhere/hosts").stdout == "/var/cache/z2jh\n"


# Stands in for apt-get: says what is in the file `says` and fails, until it has been called often enough.
APT_GET = """#!/bin/sh
echo "$@" >>"$STATE/calls"
[ "$(wc -l <"$STATE/calls")" -lt "$TIMES" ] || exit 0
cat "$STATE/says"
exit 100
"""


def _apt_get(folder: Path, says: str, times: int, **environment: str) -> tuple[int, str, int]:
    """Call apt_get of scripts/lib.sh; return its exit code, what it said, and how often it asked."""
    for name, text in {"apt-get": APT_GET, "sleep": "#!/bin/sh\n"}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    (folder / "says").write_text(says)
    path = f"{folder}:{os.environ['PATH']}"
    command = f". scripts/lib.sh; apt_get {folder}/log update"
    run = _run("bash", "-c", command, PATH=path, STATE=str(folder), TIMES=str(times), **environment)
    return run.returncode, run.stderr, len((folder / "calls").read_text().splitlines())


LOCKED = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)\nE: Unable to lock\n"


def test_another_program_that_uses_apt_is_waited_for(tmp_path: Path) -> None:
    code, said, calls = _apt_get(tmp_path, LOCKED, 3)
    assert (code, calls) == (0, 3)
    assert said.splitlines()[0] == f"Waiting for another program that uses apt: {LOCKED.splitlines()[0]}"


def test_what_waiting_does_not_mend_is_not_waited_for(tmp_path: Path) -> None:
    assert _apt_get(tmp_path, "E: Unable to locate package x\n", 3) == (1, "", 1)


def test_waiting_for_apt_ends(tmp_path: Path) -> None:
    assert _apt_get(tmp_path, LOCKED, 3, APT_LOCK_SECONDS="0") == (1, "", 1)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_each_role_is_whole(role: Path) -> None:
    assert (role / "meta/argument_specs.yml").is_file()
    assert (role / "README.md").is_file()


def test_no_role_has_a_default_that_always_loses() -> None:
    """A value of group_vars wins over a role's, which its README would show nevertheless."""

    def names(path: Path) -> set[str]:
        return set(re.findall(r"^(\w+):", path.read_text(), re.MULTILINE))

    given = set[str]().union(*map(names, (CHECKOUT / "group_vars/all").glob("*.yml")))
    for defaults in (CHECKOUT / "roles").glob("*/defaults/main.yml"):
        assert names(defaults) & given == set(), defaults


def test_the_readmes_of_roles_are_current() -> None:
    assert _run("python3", "scripts/role_readmes.py", "--check").stderr == ""


@pytest.mark.parametrize("lock", ["ansible", "checkov", "test"])
def test_every_package_of_a_lock_has_a_hash(lock: str) -> None:
    text = (CHECKOUT / f"requirements/{lock}.txt").read_text()
    requirements = re.findall(r"^[a-z0-9][^\n]*==[^\n]*", text, re.MULTILINE)
    assert len(requirements) > 20
    assert all(requirement.rstrip().endswith("\\") for requirement in requirements)
    assert "--index-url" not in text
    assert "--find-links" not in text


def test_the_tests_use_the_versions_of_the_play() -> None:
    def versions(name: str) -> dict[str, str]:
        text = (CHECKOUT / f"requirements/{name}.txt").read_text()
        return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE))

    assert versions("ansible").items() <= versions("test").items()
