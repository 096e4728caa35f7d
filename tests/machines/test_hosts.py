"""Place hosts: machines that are reached by SSH alone become a platform, and grow.

One test, as each step is of the platform that the one before has left.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from live.machines import Machines
from live.polling import until
from machines.site import CLIENT_ID, HUB, Site
from urllib3.exceptions import HTTPError

pytestmark = [pytest.mark.life, pytest.mark.timeout(5400)]

PORT = 30443
# What a machine that is no node has none of.
TRACES = {
    "files": "ls -d /etc/kubernetes /etc/z2jh* /var/lib/etcd /var/lib/kubelet /var/lib/z2jh* /usr/local/bin/* || true",
    "units": 'ls /etc/systemd/system | grep -E "z2jh|kubelet" || true',
    "programs": 'ps -eo comm= | grep -E "kube|etcd|containerd|haproxy|cilium|registry" || true',
}


def traces(machines: Machines, name: str) -> dict[str, str]:
    """Return what of a cluster there is on a machine."""
    return {what: said for what, command in TRACES.items() if (said := machines.run(name, command))}


def see_change(site: Site) -> None:
    """Run and see that it ends well."""
    run = site.up()
    assert run.code == 0, run.tasks("failed") + run.tasks("unreachable")


def see_nothing_change(site: Site, *options: str) -> None:
    """Run and see that there is nothing to change."""
    run = site.up(*options)
    assert run.code == 0, run.tasks("failed") + run.tasks("unreachable")
    assert run.sums() == {"changed": 0, "failures": 0, "unreachable": 0}, run.tasks("changed")


def look_first(site: Site) -> None:
    """See that a dry run asks the machines and leaves them alone."""
    see_nothing_change(site, "--check")
    assert not (site.checkout / "state").exists()
    for name in site.machines.addresses:
        assert traces(site.machines, name) == {}, name


def see_nodes(site: Site, *names: str) -> None:
    """See that these are the nodes, that all of them are Ready, and every pod with them."""

    def well() -> bool:
        try:
            return site.cluster.ready_nodes() == set(names) and not site.cluster.unwell_pods()
        except HTTPError:
            return False

    until(f"{', '.join(names)} and all pods are well", well, 300, every=2)
    assert set(site.cluster.node_addresses()) == set(names)


def see_sign_in(site: Site) -> None:
    """See the sign-in page, under the site's own certificate, and that it leads to GitHub."""
    platform = site.platform
    assert (platform.place, platform.url) == ("hosts", f"https://{HUB}:{PORT}")
    with platform.http() as hub:
        assert "Sign in with GitHub" in hub.get("/hub/login").text
        target = urlsplit(hub.get("/hub/oauth_login", follow_redirects=False).headers["location"])
    asked = parse_qs(target.query)
    assert f"{target.scheme}://{target.netloc}{target.path}" == "https://github.com/login/oauth/authorize"
    assert asked["client_id"] == [CLIENT_ID]
    assert asked["redirect_uri"] == [f"{platform.url}/hub/oauth_callback"]


def add_worker(site: Site) -> None:
    """Name one worker more."""
    site.machines.add("worker2", 22)
    site.write_inventory(["cp1"], ["worker1", "worker2"])
    see_change(site)
    see_nodes(site, "cp1", "worker1", "worker2")


def test_machines_become_a_platform_and_grow(site: Site) -> None:
    site.write_inventory(["cp1"], ["worker1"])
    look_first(site)
    see_change(site)
    see_nodes(site, "cp1", "worker1")
    see_sign_in(site)
    see_nothing_change(site)
    see_nothing_change(site, "--check")
    add_worker(site)
