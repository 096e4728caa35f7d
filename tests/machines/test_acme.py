"""Place hosts: an ACME server signs the hub's certificate, certbot renews it, and all of it is given back."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from live.platform import Platform
from live.polling import until
from machines.acme import acme_server
from machines.site import HUB, Site
from machines.test_hosts import forward_nothing, traces

pytestmark = [pytest.mark.life, pytest.mark.timeout(3600)]

HTTP_PORT = 30080
# Where certbot notes how each certificate was asked for.
NOTED = "/etc/letsencrypt/renewal"


def serial(platform: Platform) -> str:
    """Return the number of the certificate that the hub serves; nobody but the ACME server's CA is trusted."""
    url = urlsplit(platform.url)
    with (
        socket.create_connection((url.hostname, url.port), timeout=10) as connection,
        platform.tls.wrap_socket(connection, server_hostname=url.hostname) as served,
    ):
        certificate = served.getpeercert() or {}
    return str(certificate["serialNumber"])


def test_an_acme_server_signs_and_signs_again(site: Site, tmp_path: Path) -> None:
    machines = site.machines
    with acme_server(tmp_path, f"{machines.subnet}.1", HTTP_PORT) as server:
        # certbot asks it over https; that CA is one of the machine's own.
        ca = "/usr/local/share/ca-certificates/acme.crt"
        machines.run("cp1", f"cat > {ca} <<'END'\n{server.ca.read_text()}END\nupdate-ca-certificates")
        site.write_inventory(
            ["cp1"],
            ["worker1"],
            hub_user_domains="false",
            hub_acme_email="operator@example.org",
            hub_acme_server=server.directory,
            hub_certificate_ca=server.root,
        )
        forward_nothing(machines, *machines.addresses)
        run = site.up()
        assert run.code == 0, run.tasks("failed") + run.tasks("unreachable")
        platform = site.platform
        first = serial(platform)
        with platform.http() as hub:
            assert "Sign in with GitHub" in hub.get("/hub/login").text

        # As certbot's timer does within 30 days of the end.
        machines.run("cp1", "certbot renew --force-renewal --no-random-sleep-on-renew")
        until("the proxy serves the new certificate", lambda: serial(platform) != first, 120, every=2)
        second = serial(platform)
        # Somebody else's has no hook of ours.
        machines.run("cp1", f"cd {NOTED} && sed /z2jh-acme-hook/d z2jh-{HUB}.conf > own.conf")

        # The next run takes note of it, the one after that finds nothing to do; neither asks for another one.
        for expected in (None, 0):
            run = site.up()
            assert run.code == 0, run.tasks("failed") + run.tasks("unreachable")
            assert expected is None or run.sums()["changed"] == expected, run.tasks("changed")
            assert serial(platform) == second

    # The machines are given back with certbot's part; it would stay for a certificate of somebody else.
    machines.run("cp1", f"rm {NOTED}/own.conf")
    site.down()
    for name in ("cp1", "worker1"):
        assert traces(machines, name) == {}, name
    machines.run("cp1", "! ls -d /etc/letsencrypt 2>/dev/null && ! command -v certbot")
    assert "changed=0" in site.down()
