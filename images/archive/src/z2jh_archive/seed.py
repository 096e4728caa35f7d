"""Make the archive's tree: `python -m z2jh_archive.seed DEST`, run while the image is built.

DEST gets data/stpubdata (the bucket) and side/ (the S3 server's metadata: ETags, content types, the bucket policy).
Both are written by the S3 server itself, versitygw, so that it finds later just what it would have stored; then all is
made readable for everybody and writable for nobody.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from z2jh_archive import BUCKET, INDEX_KEY, synthetic
from z2jh_archive.sources import SOURCES, SeedError, read

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"},
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": ["s3:ListBucket", "s3:GetBucketLocation"],
            "Resource": f"arn:aws:s3:::{BUCKET}",
        },
    ],
}


def objects(frames: int = synthetic.FRAMES) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Yield (key, content, entry of the index) of everything the bucket holds, but for the index itself."""
    cutout = b""
    for source in SOURCES:
        content = read(source)
        cutout = cutout or content
        origin = f"astroquery wheel: mast/tests/data/{source.container}, {source.member}"
        yield (
            source.key,
            content,
            {
                "synthetic": False,
                "origin": origin,
                "licence": "BSD-3-Clause (astroquery); NASA public data",
                "observation": source.observation,
                "product": source.product,
            },
        )
    for key, content in synthetic.frames(cutout, frames):
        yield key, content, {"synthetic": True, "origin": " ".join(synthetic.HISTORY), "licence": "BSD-3-Clause"}


def versitygw() -> str:
    """Return the path of the S3 server: from the environment, or on PATH."""
    found = shutil.which(os.environ.get("VERSITYGW", "versitygw"))
    if not found:
        raise SeedError("versitygw is not on PATH: put it there, or name it in the environment variable VERSITYGW.")
    return found


@contextlib.contextmanager
def serving(destination: Path, program: str, **options: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Run the S3 server over the tree on a free port of loopback; yield its URL and the root account's environment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    account = {"ROOT_ACCESS_KEY_ID": "z2jh-archive", "ROOT_SECRET_ACCESS_KEY": secrets.token_urlsafe(32)}
    command = [program, "--port", f"127.0.0.1:{port}", "--health", "/healthz", "--quiet"]
    command += [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    command += ["posix", "--sidecar", str(destination / "side"), str(destination / "data")]
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, env=account, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(url + "/healthz", process)
            yield url, account
        finally:
            process.terminate()


def _wait(url: str, process: subprocess.Popen[bytes], seconds: float = 20.0) -> None:
    """Return once the server answers; raise SeedError when it ends or stays silent."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise SeedError(f"versitygw does not answer at {url} (exit code {process.poll()}); run it by hand to see why.")


def _upload(url: str, account: dict[str, str], frames: int) -> int:
    """Put every object, the index and the policy into the bucket; return the number of objects."""
    # Imported here: the tests of the data alone need no boto3.
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=account["ROOT_ACCESS_KEY_ID"],
        aws_secret_access_key=account["ROOT_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(Bucket=BUCKET)
    index = []
    for key, content, entry in objects(frames):
        client.put_object(Bucket=BUCKET, Key=key, Body=content, ContentType="application/fits")
        index.append({"key": key, "size": len(content), "sha256": hashlib.sha256(content).hexdigest(), **entry})
    body = json.dumps({"bucket": BUCKET, "objects": index}, indent=1).encode()
    client.put_object(Bucket=BUCKET, Key=INDEX_KEY, Body=body, ContentType="application/json")
    client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(POLICY))
    return len(index) + 1


def _freeze(destination: Path) -> None:
    """Remove the server's own leftovers; make the rest readable for all and writable for none."""
    bucket = destination / "data" / BUCKET
    for leftover in (*destination.glob("*/.sgwtmp"), *destination.glob("*/.vgwlocks"), bucket / ".sgwtmp"):
        shutil.rmtree(leftover, ignore_errors=True)
    for path in sorted(destination.rglob("*"), reverse=True):
        path.chmod(0o555 if path.is_dir() else 0o444)


def make(destination: Path, frames: int = synthetic.FRAMES) -> int:
    """Make the tree under `destination`; return the number of objects. The folders must not exist yet."""
    destination = destination.resolve()
    for folder in ("data", "side"):
        if (destination / folder).exists():
            raise SeedError(f"{destination / folder} exists already: seed into an empty place.")
    program = versitygw()
    for folder in ("data", "side"):
        (destination / folder).mkdir(parents=True)
    with serving(destination, program) as (url, account):
        count = _upload(url, account, frames)
    _freeze(destination)
    return count


def main() -> int:
    """Make the tree as the command line says."""
    parser = argparse.ArgumentParser(prog="z2jh_archive.seed", description="Make the archive's tree.")
    parser.add_argument("destination", type=Path)
    try:
        count = make(parser.parse_args().destination)
    except SeedError as error:
        print(f"seed: {error}", file=sys.stderr)
        return 1
    print(f"seed: {count} objects in the bucket {BUCKET}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
