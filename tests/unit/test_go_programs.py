"""Programs are built once; what an interrupted or failed build leaves is never used, and the next build goes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from live.polling import until
from loading import CHECKOUT, load

plugin = load("plugins/filter/content_hash.py")

# Programs of one module; one has flags of its own and another name than its folder, one is there by its tag alone.
PROGRAM = {"module": "tool", "program": "tool", "package": "example.org/tool"}
STAMPED = {
    "module": "tool",
    "program": "stamped",
    "package": "example.org/tool/cmd/v2",
    "ldflags": "-X main.state=stamped",
}
TAGGED = PROGRAM | {"program": "tagged", "package": "example.org/tool/tagged", "tags": "tagged"}
SOURCE = 'package main\n\nvar state = "whole"\n\nfunc main() { println(state) }\n'
SUM = "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


class Site:
    """The role with one small module, and a cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache, self.proxy = folder, folder / "cache", folder / "proxy"
        role, self.module = folder / "roles/artifacts", folder / "roles/artifacts/files/go/tool"
        shutil.copytree(CHECKOUT / "roles/artifacts", role, ignore=shutil.ignore_patterns("go"))
        self.module.mkdir(parents=True)
        (self.module / "go.mod").write_text("module example.org/tool\n\ngo 1.21\n")
        (self.module / "main.go").write_text(SOURCE)
        (self.module / "cmd/v2").mkdir(parents=True)
        (self.module / "cmd/v2/main.go").write_text(SOURCE)
        (self.module / "tagged").mkdir()
        (self.module / "tagged/main.go").write_text(f"//go:build tagged\n\n{SOURCE}")
        (self.cache / "go/programs").mkdir(parents=True)
        # Go's own library is compiled once for all tests.
        compiled = subprocess.check_output(["go", "env", "GOCACHE"], cwd="/", text=True).strip()
        (self.cache / "go/build").symlink_to(compiled)

    def path(self) -> Path:
        """Return where the program is kept."""
        [file] = plugin.program_files([PROGRAM], str(self.module.parent), str(self.cache), "local")
        return Path(file["path"])

    @property
    def part(self) -> Path:
        """Return the folder in which it is built."""
        return Path(f"{self.path()}.part")

    def build(self, path: str = os.environ["PATH"]) -> tuple[int, str]:
        """Run role artifacts."""
        variables = {
            "artifacts_source": "registries",
            "artifacts_cache_dir": str(self.cache),
            "artifacts_go_programs": [PROGRAM, STAMPED, TAGGED],
            "artifacts_go_toolchain": "local",
            "artifacts_go_sources": [],
            "artifacts_releases": [],
        }
        book = self.folder / "play.yml"
        book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "roles": ["artifacts"]}]))
        ours = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(self.folder / "home"), "PATH": path}
        run = subprocess.run(
            ["ansible-playbook", "-i", "hosts.example", "-e", json.dumps(variables), str(book)],
            cwd=CHECKOUT,
            env=os.environ | ours | {"GOPROXY": f"file://{self.proxy}"},
            capture_output=True,
            text=True,
            check=False,
        )
        return run.returncode, run.stdout + run.stderr


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_an_interrupted_build_is_made_anew_and_a_finished_one_is_kept(site: Site) -> None:
    # What a machine leaves that lost its power: the length of a program, and nothing in it.
    site.part.mkdir()
    (site.part / "tool").write_bytes(bytes(4096))
    (site.part / "tool").chmod(0o755)
    code, said = site.build()
    assert code == 0, said
    assert not site.part.exists()
    link = site.cache / "bin/tool"
    for program, state in {"tool": "whole", "stamped": "stamped", "tagged": "whole"}.items():
        run = subprocess.run([site.cache / "bin" / program], capture_output=True, text=True, check=True)
        assert run.stderr == f"{state}\n"

    # The sources of what is built later are fetched in the background, by a command that ends well.
    fetching = site.cache / "go/fetching"
    [fetched] = until(
        "the fetch is over", lambda: [job for job in fetching.glob("*[0-9]") if '"rc"' in job.read_text()], 60
    )
    assert json.loads(fetched.read_text())["rc"] == 0

    # Only the link is missing, so Go is not even asked; this one would fail.
    (site.folder / "go").write_text("#!/bin/sh\nexit 1\n")
    (site.folder / "go").chmod(0o755)
    made = site.path().stat()
    link.unlink()
    code, said = site.build(f"{site.folder}:{os.environ['PATH']}")
    assert code == 0, said
    assert "changed=1 " in said
    assert link.samefile(site.path())
    assert (site.path().stat().st_ino, site.path().stat().st_mtime_ns) == (made.st_ino, made.st_mtime_ns)


def test_a_module_of_another_sum_is_refused_and_nothing_half_becomes_the_program(site: Site) -> None:
    tiny = site.proxy / "example.org/tiny/@v"
    tiny.mkdir(parents=True)
    (tiny / "v1.0.0.mod").write_text("module example.org/tiny\n")
    with zipfile.ZipFile(tiny / "v1.0.0.zip", "w") as archive:
        archive.writestr("example.org/tiny@v1.0.0/tiny.go", "package tiny\n")
    (site.module / "main.go").write_text('package main\n\nimport _ "example.org/tiny"\n\nfunc main() {}\n')
    with (site.module / "go.mod").open("a") as module:
        module.write("\nrequire example.org/tiny v1.0.0\n")
    (site.module / "go.sum").write_text(f"example.org/tiny v1.0.0 {SUM}\nexample.org/tiny v1.0.0/go.mod {SUM}\n")
    site.part.mkdir()
    shutil.copy("/bin/true", site.part / "tool")
    code, said = site.build()
    assert code == 2, said
    [sentence] = [line for line in said.splitlines() if line.startswith("tool: ")]
    assert sentence.startswith(f"tool: example.org/tiny@v1.0.0 of file://{site.proxy} has h1:")
    assert f" and must have {SUM} ({site.module}/go.sum): " in sentence
    assert not site.path().exists()
    assert not (site.cache / "bin/tool").exists()
