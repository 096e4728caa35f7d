"""A wrong sum is one sentence with the package, both sums and where it is from; the texts are the real clients'."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from loading import CHECKOUT, load

registry_failure = load("plugins/filter/registries.py").registry_failure

HAS, MUST, OTHER = "ab" * 32, "0" * 64, "1" * 64
ADVICE = (
    "it was changed on the way, or the registry holds another file; nothing of it was used. "
    "Run again; if it stays so, ask those who run that registry."
)

# Go 1.26, of a module and of its go.mod.
GO = """\
go: downloading example.org/tiny v1.0.0
verifying example.org/tiny@v1.0.0{file}: checksum mismatch
	downloaded: h1:ioSqlBQ5q7fhqxFyTsfK5lcndQGhFucNsS4nw5s0Oek=
	go.sum:     h1:AAAAlBQ5q7fhqxFyTsfK5lcndQGhFucNsS4nw5s0Oek=

SECURITY ERROR
This download does NOT match an earlier download recorded in go.sum.
The bits may have been replaced on the origin server, or an attacker may
have intercepted the download attempt.

For more information, see 'go help module-auth'.
"""

# Go 1.26, of the toolchain that it fetches itself.
TOOLCHAIN = """\
go: downloading go1.26.5 (linux/amd64)
go: download go1.26.5: golang.org/toolchain@v0.0.1-go1.26.5.linux-amd64: verifying module: checksum mismatch
	downloaded: h1:L3zFIzGcoIMtjxm15CJIzIR4yPnTRA1VnftR6XH1SuE=
	sum.example.org: h1:/yCM7qVQu6sYYUewQ39rtTtRMYMHdbP9oNjgp+lEV9w=

SECURITY ERROR
This download does NOT match the one reported by the checksum server.
The bits may have been replaced on the origin server, or an attacker may
have intercepted the download attempt.

For more information, see 'go help module-auth'.
"""

# What buildah adds to what a step said.
BUILDAH = """\
subprocess exited with status 1
subprocess exited with status 1
Error: building at STEP "RUN /run/images/tools/python-env hub": exit status 1
"""

# uv 0.13, of a package whose lock has two sums.
UV = f"""\
error: Failed to download `tiny==1.0`
  cause: Hash mismatch for `tiny==1.0`

         Expected:
           sha256:{MUST}
           sha256:{OTHER}

         Computed:
           sha256:{HAS}
{BUILDAH}"""

# npm 9.2, Debian 12's: of a file that is not what the registry lists, and of a list that is not what the lock says.
NPM_FILE = f"""\
npm WARN tarball tarball data for tiny@1.0.0 (sha512-A==) seems to be corrupted. Trying again.
npm WARN tarball tarball data for tiny@1.0.0 (sha512-A==) seems to be corrupted. Trying again.
npm ERR! code EINTEGRITY
npm ERR! sha512-A== integrity checksum failed when using sha512: wanted sha512-A== but got sha512-ar+/Q==. (136 bytes)

npm ERR! A complete log of this run can be found in:
npm ERR!     /tmp/npm/_logs/debug-0.log
{BUILDAH}"""
NPM_LIST = f"""\
npm ERR! code EINTEGRITY
npm ERR! Integrity checksum failed when using sha512: wanted sha512-A== but got sha512-ar+/Q==.

npm ERR! A complete log of this run can be found in:
npm ERR!     /tmp/npm/_logs/debug-0.log
{BUILDAH}"""


def _sources(lock: Path = Path("package-lock.json")) -> dict[str, dict[str, str]]:
    return {
        "go": {"registry": "https://proxy.example.org,direct", "lock": "files/go/tool/go.sum"},
        "uv": {"registry": "https://reader:secret@pypi.example.org/simple", "lock": "images/requirements"},
        "npm": {"registry": "https://npm.example.org/", "lock": str(lock)},
    }


@pytest.mark.parametrize("file", ["", "/go.mod"])
def test_a_go_module(file: str) -> None:
    assert registry_failure({"stderr": GO.format(file=file)}, _sources()) == (
        f"example.org/tiny@v1.0.0{file} of https://proxy.example.org,direct has "
        "h1:ioSqlBQ5q7fhqxFyTsfK5lcndQGhFucNsS4nw5s0Oek= and must have "
        f"h1:AAAAlBQ5q7fhqxFyTsfK5lcndQGhFucNsS4nw5s0Oek= (files/go/tool/go.sum): {ADVICE}"
    )


def test_the_go_toolchain_is_checked_by_a_server_of_sums() -> None:
    assert registry_failure({"stderr": TOOLCHAIN}, _sources()) == (
        "golang.org/toolchain@v0.0.1-go1.26.5.linux-amd64 of https://proxy.example.org,direct has "
        "h1:L3zFIzGcoIMtjxm15CJIzIR4yPnTRA1VnftR6XH1SuE= and must have "
        f"h1:/yCM7qVQu6sYYUewQ39rtTtRMYMHdbP9oNjgp+lEV9w= (sum.example.org): {ADVICE}"
    )


def test_a_python_package_may_have_several_sums_and_no_password_is_said() -> None:
    assert registry_failure({"stderr": UV}, _sources()) == (
        f"tiny==1.0 of https://pypi.example.org/simple has sha256:{HAS} and must have "
        f"sha256:{MUST} or sha256:{OTHER} (images/requirements): {ADVICE}"
    )


@pytest.mark.parametrize("said", [NPM_FILE, NPM_LIST], ids=["file", "list"])
def test_an_npm_package_is_named_by_the_lock(tmp_path: Path, said: str) -> None:
    lock = tmp_path / "package-lock.json"
    tiny = {"version": "1.0.0", "integrity": "sha512-A=="}
    lock.write_text(json.dumps({"packages": {"": {"name": "proxy"}, "node_modules/a/node_modules/@b/tiny": tiny}}))
    assert registry_failure({"stderr": said}, _sources(lock)) == (
        f"@b/tiny@1.0.0 of https://npm.example.org/ has sha512-ar+/Q== and must have sha512-A== ({lock}): {ADVICE}"
    )


def test_another_failure_is_said_by_its_last_line_or_its_message() -> None:
    assert registry_failure({"stderr": "first\nlast\n", "msg": "non-zero return code"}, _sources()) == "last"
    assert registry_failure({"stderr": "", "msg": "No such file: go"}, _sources()) == "No such file: go"


def test_role_images_says_it_of_a_build_and_keeps_nothing(tmp_path: Path) -> None:
    """With a buildah that says what the real one says."""
    (tmp_path / "said").write_text(UV)
    (tmp_path / "buildah").write_text('#!/bin/sh\necho "$1" >>"${0%/*}/asked"\ncat "${0%/*}/said" >&2\nexit 1\n')
    (tmp_path / "buildah").chmod(0o755)
    role = {"name": "images", "tasks_from": "build", "public": True}
    variables = {
        "images_cache_dir": str(tmp_path),
        "images_debian_date": "2026-01-01",
        "images_push_registry": "registry.example.org",
        "__images_image": {"name": "hub", "folder": "images/hub"},
        "__images_tags": {"hub": "1"},
        "__images_missing": ["hub"],
        "__images_index": 0,
    }
    tasks = [{"name": "Build", "ansible.builtin.import_role": role}]
    book = tmp_path / "play.yml"
    book.write_text(json.dumps([{"name": "Build", "hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    run = subprocess.run(
        ["ansible-playbook", "-i", "hosts.example", "-e", json.dumps(variables), str(book)],
        cwd=CHECKOUT,
        env=os.environ
        | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": f"{tmp_path}/home", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        | {"UV_DEFAULT_INDEX": "https://reader:secret@pypi.example.org/simple"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2, run.stdout + run.stderr
    [sentence] = [line for line in run.stdout.splitlines() if line.startswith("hub: ")]
    assert sentence.startswith(f"hub: tiny==1.0 of https://pypi.example.org/simple has sha256:{HAS} and must have ")
    assert "secret" not in run.stdout
    assert (tmp_path / "asked").read_text() == "build\n"
