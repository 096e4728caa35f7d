"""What the hooks of certbot give to the cluster, and what they take away again."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from loading import CHECKOUT

CHAIN, KEY = "chain\n", "key\n"
# Writes down what it is asked for, one JSON object a line.
KUBECTL = """#!/bin/sh
case " $* " in *" --filename=- "*) given=$(cat) ;; *) given=null ;; esac
printf '{"given": %s, "asked": "%s"}\\n' "$given" "$(printf %s "$*" | sed 's/"/\\\\"/g')" >>"$ASKED"
"""


def asked(tmp_path: Path, action: str, **environment: str) -> list[dict[str, Any]]:
    """Run a hook and return what it asks of kubectl."""
    (tmp_path / "kubectl").write_text(KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)
    subprocess.run(
        [sys.executable, CHECKOUT / "roles/acme/files/acme_hook.py", action],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "ASKED": str(tmp_path / "asked"), **environment},
        check=True,
    )
    return [json.loads(line) for line in (tmp_path / "asked").read_text().splitlines()]


def test_the_answer_is_shown_by_the_hub(tmp_path: Path) -> None:
    secret, *others = asked(tmp_path, "show", CERTBOT_TOKEN="token", CERTBOT_VALIDATION="token.thumb")
    assert secret["given"]["metadata"] == {"name": "acme-challenge", "namespace": "jupyterhub"}
    assert base64.b64decode(secret["given"]["data"]["token"]) == b"token.thumb"
    assert "token.thumb" not in secret["asked"]
    assert others[-1]["asked"].endswith("exec deploy/hub -- test -e /etc/z2jh-acme/token")


def test_the_answer_is_taken_away(tmp_path: Path) -> None:
    (gone,) = asked(tmp_path, "hide")
    assert gone["asked"].endswith("delete --ignore-not-found secret/acme-challenge")


def test_a_certificate_restarts_the_proxy_once(tmp_path: Path) -> None:
    (tmp_path / "fullchain.pem").write_text(CHAIN)
    (tmp_path / "privkey.pem").write_text(KEY)
    secret, patch = asked(tmp_path, "install", RENEWED_LINEAGE=str(tmp_path))
    assert secret["given"]["type"] == "kubernetes.io/tls"
    assert base64.b64decode(secret["given"]["data"]["tls.key"]).decode() == KEY
    # As role jupyterhub works it out, so that the next run restarts nothing once more.
    assert hashlib.sha256(CHAIN.strip().encode()).hexdigest() in patch["asked"]


@pytest.mark.parametrize("action", ["", "other"])
def test_anything_else_is_refused(tmp_path: Path, action: str) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        asked(tmp_path, action)
