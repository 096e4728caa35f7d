"""Releases are fetched by their sha256 from a server of upstream's layout; nothing half is ever used."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


class Upstream(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and breaks off in the middle of the files named in `cut`."""

    asked: ClassVar[list[str]] = []
    cut: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        """Serve a file, whole or half."""
        self.asked.append(self.path)
        if self.path not in self.cut:
            super().do_GET()
            return
        content = Path(self.translate_path(self.path)).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Site:
    """What upstream publishes here, and a cache of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url, self.cache, self.home = url, folder / "cache", folder / "home"
        self.published = folder / "published"
        self._write("release/v1/bin/linux/amd64/kubeadm", b"#!/bin/sh\necho kubeadm\n" * 4000)
        (folder / "linux-amd64").mkdir()
        (folder / "linux-amd64/helm").write_text("#!/bin/sh\necho helm\n")
        (folder / "linux-amd64/helm").chmod(0o755)
        with tarfile.open(self.published / "helm-v1-linux-amd64.tar.gz", "w:gz") as archive:
            archive.add(folder / "linux-amd64", "linux-amd64")
        self.releases = [
            {
                "name": "kubeadm",
                "version": "1",
                "url": f"{url}/release/v1/bin/linux/amd64/kubeadm",
                "link": "bin/kubeadm",
            },
            {
                "name": "helm",
                "version": "1",
                "url": f"{url}/helm-v1-linux-amd64.tar.gz",
                "member": "linux-amd64/helm",
                "link": "bin/helm",
            },
        ]
        self.sums = {
            "kubeadm": self._sum("release/v1/bin/linux/amd64/kubeadm"),
            "helm": self._sum("helm-v1-linux-amd64.tar.gz"),
        }

    def _write(self, name: str, content: bytes) -> None:
        (self.published / name).parent.mkdir(parents=True, exist_ok=True)
        (self.published / name).write_bytes(content)

    def _sum(self, name: str) -> str:
        return hashlib.sha256((self.published / name).read_bytes()).hexdigest()

    def fetch(self) -> tuple[int, str]:
        """Run role artifacts."""
        variables = {
            "artifacts_source": "upstream",
            "artifacts_cache_dir": str(self.cache),
            "artifacts_releases": self.releases,
            "artifacts_checksums": {name: {"1": {"amd64": sha256}} for name, sha256 in self.sums.items()},
            "artifacts_architecture": "amd64",
        }
        book = self.home.with_suffix(".yml")
        book.write_text(json.dumps([{"name": "Fetch", "hosts": "localhost", "roles": ["artifacts"]}]))
        run = subprocess.run(
            ["ansible-playbook", "-i", "hosts.example", "-e", json.dumps(variables), str(book)],
            cwd=CHECKOUT,
            env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(self.home), "no_proxy": "127.0.0.1"},
            capture_output=True,
            text=True,
            check=False,
        )
        return run.returncode, run.stdout + run.stderr

    def run(self, program: str) -> str:
        """Run a program out of the cache by its plain name."""
        return subprocess.check_output([self.cache / "bin" / program], text=True).splitlines()[0]

    def whole(self) -> list[str]:
        """Name what lies in the cache as finished."""
        return sorted(
            path.name.rpartition("-")[0] for path in (self.cache / "upstream").iterdir() if path.suffix != ".part"
        )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "published").mkdir()
    Upstream.asked.clear()
    Upstream.cut.clear()
    handler = functools.partial(Upstream, directory=str(tmp_path / "published"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Site(tmp_path, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


def test_half_a_file_is_never_used_and_the_next_run_goes_on(site: Site) -> None:
    helm = "/helm-v1-linux-amd64.tar.gz"
    Upstream.cut.add(helm)
    code, said = site.fetch()
    assert code == 2, said
    assert f"helm of {site.url}{helm}" in said
    assert site.whole() == ["kubeadm"]
    assert not (site.cache / "bin/helm").exists()

    # What a run leaves that was killed while it unpacked; whole files of other programs are not asked for again.
    Upstream.cut.clear()
    Upstream.asked.clear()
    part = site.cache / "upstream" / f"helm-{site.sums['helm'][:20]}.part"
    (part / "linux-amd64").mkdir(parents=True, exist_ok=True)
    (part / "linux-amd64/helm").write_text("half")
    (part / Path(helm).name).write_bytes(b"half")
    code, said = site.fetch()
    assert code == 0, said
    assert Upstream.asked == [helm]
    assert (site.run("kubeadm"), site.run("helm")) == ("kubeadm", "helm")


def test_a_wrong_sum_is_refused_with_both_sums_and_the_address(site: Site) -> None:
    right, site.sums["kubeadm"] = site.sums["kubeadm"], "0" * 64
    code, said = site.fetch()
    assert code == 2
    [sentence] = [line for line in said.splitlines() if line.startswith("kubeadm of ")]
    address = f"{site.url}/release/v1/bin/linux/amd64/kubeadm"
    assert sentence.startswith(f"kubeadm of {address} has sha256 {right} and must have {'0' * 64} ")
    assert site.whole() == []
    assert not (site.cache / "bin/kubeadm").exists()
