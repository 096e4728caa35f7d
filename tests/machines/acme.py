"""An ACME server on this machine: Pebble, which asks and signs as Let's Encrypt does, with a CA of its own."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from live.polling import until

PEBBLE = Path(__file__).parent / "pebble"
PORT, MANAGEMENT_PORT = 14000, 15000


@dataclass(frozen=True)
class AcmeServer:
    """A server that runs."""

    directory: str
    # The CA of its own address, and the one that it signs with.
    ca: Path
    root: Path


def _certificate(folder: Path, address: str) -> None:
    """Make the certificate of the server itself (api.crt, api.key), and the CA that signed it (api-ca.crt)."""
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9"]
    ca = ["-keyout", "api-ca.key", "-out", "api-ca.crt", "-subj", "/CN=CA of the ACME server itself"]
    signed = ["-CA", "api-ca.crt", "-CAkey", "api-ca.key", "-addext", "basicConstraints=critical,CA:FALSE"]
    api = ["-keyout", "api.key", "-out", "api.crt", "-subj", "/CN=acme", "-addext", f"subjectAltName=IP:{address}"]
    for options in (ca, [*signed, *api]):
        subprocess.run([*new, *options], cwd=folder, check=True, capture_output=True)


@contextmanager
def acme_server(folder: Path, address: str, http_port: int) -> Iterator[AcmeServer]:
    """Run one at an address of this machine; it asks hosts at `http_port`, in place of 80."""
    program = folder / "pebble"
    build = ["go", "build", "-mod=readonly", "-o", program, "github.com/letsencrypt/pebble/v2/cmd/pebble"]
    subprocess.run(build, cwd=PEBBLE, check=True, capture_output=True)
    _certificate(folder, address)
    config = {
        "listenAddress": f"{address}:{PORT}",
        "managementListenAddress": f"{address}:{MANAGEMENT_PORT}",
        "certificate": str(folder / "api.crt"),
        "privateKey": str(folder / "api.key"),
        "httpPort": http_port,
        "tlsPort": 443,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
        "retryAfter": {"authz": 1, "order": 1},
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": config}))
    server = AcmeServer(f"https://{address}:{PORT}/dir", folder / "api-ca.crt", folder / "acme-root.crt")
    tls = ssl.create_default_context(cafile=server.ca)
    with (folder / "pebble.log").open("w") as log:
        running = subprocess.Popen(
            [program, "-config", folder / "pebble.json"],
            env=os.environ | {"PEBBLE_VA_NOSLEEP": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def answers() -> bool:
        try:
            root = httpx.get(f"https://{address}:{MANAGEMENT_PORT}/roots/0", verify=tls, trust_env=False)
        except httpx.TransportError:
            return False
        server.root.write_text(root.text)
        return root.status_code == 200

    try:
        until("the ACME server answers", answers, 30)
        yield server
    finally:
        running.terminate()
        running.wait()
