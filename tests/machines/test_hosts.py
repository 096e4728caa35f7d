"""Place hosts: machines that are reached by SSH alone become a platform, grow, lose one, and are given back.

One test, as each step is of the platform that the one before has left.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from kubernetes.client import ApiException
from live.machines import DEBIAN_12, UBUNTU_24_04, Machines
from live.polling import until
from machines.site import CLIENT_ID, HUB, Site
from urllib3.exceptions import HTTPError

pytestmark = [pytest.mark.life, pytest.mark.timeout(5400)]

PORT = 30443
# What a machine that is no node (any more) has none of.
TRACES = {
    "configuration": "ls -d /etc/kubernetes /etc/z2jh* /usr/local/*bin/* || true",
    "cni": "ls -d /etc/cni/net.d/* /usr/lib/cni/cilium-cni || true",
    "data": "ls -d /var/lib/etcd /var/lib/kubelet /var/lib/z2jh* /var/lib/containerd /var/backups/etcd || true",
    "packages": "dpkg-query --show containerd haproxy docker-registry 2>/dev/null || true",
    "units": 'ls /etc/systemd/system | grep -E "z2jh|kubelet" || true',
    "interfaces": 'ip -oneline link | grep -E "cilium|lxc" || true',
    "routes": "ip route show root 10.244.0.0/16",
    "mounts": "grep -E 'kubelet|/var/lib/z2jh|/run/containerd' /proc/mounts || true",
    "programs in the kernel": "ls -d /sys/fs/bpf/cilium /sys/fs/bpf/tc/globals/cilium_* 2>/dev/null || true",
    "rules": 'iptables-save 2>/dev/null | grep -E "CILIUM|KUBE" || true',
    "forwarding": "grep -x 1 /proc/sys/net/ipv4/ip_forward || true",
    "programs": 'ps -eo comm= | grep -E "kube|etcd|containerd|haproxy|cilium|registry" || true',
}


def forward_nothing(machines: Machines, *names: str) -> None:
    """Have machines begin as a plain one does; these have it on from the machine of the tests."""
    for name in names:
        machines.run(name, "sysctl --quiet --write net.ipv4.ip_forward=0")


def traces(machines: Machines, name: str) -> dict[str, str]:
    """Return what of a cluster there is on a machine."""
    return {what: said for what, command in TRACES.items() if (said := machines.run(name, command))}


def see_nothing_change(site: Site, *options: str) -> None:
    """Run and see that there is nothing to change."""
    run = site.up(*options)
    assert run.code == 0, run.tasks("failed") + run.tasks("unreachable")
    assert run.sums() == {"changed": 0, "failures": 0, "unreachable": 0}, run.tasks("changed")


def see_change(site: Site) -> None:
    """Run and see that it ends well."""
    run = site.up()
    assert run.code == 0, run.tasks("failed") + run.tasks("unreachable")


def look_first(site: Site) -> None:
    """See that a dry run asks the machines and leaves them alone."""
    forward_nothing(site.machines, *site.machines.addresses)
    see_nothing_change(site, "--check")
    assert not (site.checkout / "state").exists()
    for name in site.machines.addresses:
        assert traces(site.machines, name) == {}, name


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


def see_nodes(site: Site, *names: str) -> None:
    """See that these are the nodes, that all of them are Ready, and every pod with them."""

    def well() -> bool:
        try:
            return site.cluster.ready_nodes() == set(names) and not site.cluster.unwell_pods()
        except (HTTPError, ApiException):
            # An API server that has just come back forbids everything until it has read who may do what.
            return False

    until(f"{', '.join(names)} and all pods are well", well, 300, every=2)
    assert set(site.cluster.node_addresses()) == set(names)


def see_another_name_refused(site: Site) -> None:
    """Name a machine that is a node otherwise: it is not reset, which its volumes might not outlive."""
    addresses = site.machines.addresses
    addresses["worker9"] = address = addresses["worker1"]
    site.write_inventory(["cp1"], ["worker9"])
    # No machine is called so.
    del addresses["worker9"]
    refused = site.up()
    assert refused.code != 0
    assert f"worker9 ({address}) is in the cluster as worker1 ({address})" in " ".join(refused.tasks("failed"))
    site.write_inventory(["cp1"], ["worker1"])
    see_nodes(site, "cp1", "worker1")


def add_worker(site: Site, keyring: Path | None) -> None:
    """Name one worker more, which runs Ubuntu if the keys of its archive were given."""
    site.machines.add("worker2", 22, UBUNTU_24_04 if keyring else DEBIAN_12, keyring)
    forward_nothing(site.machines, "worker2")
    site.write_inventory(["cp1"], ["worker1", "worker2"])
    see_change(site)
    see_nodes(site, "cp1", "worker1", "worker2")


def grow_to_three_control_planes(site: Site) -> None:
    """Name two control planes more: each gets a member of etcd."""
    site.machines.add("cp2", 12)
    site.machines.add("cp3", 13)
    forward_nothing(site.machines, "cp2", "cp3")
    site.write_inventory(["cp1", "cp2", "cp3"], ["worker1", "worker2"])
    see_change(site)
    see_nodes(site, "cp1", "cp2", "cp3", "worker1", "worker2")
    assert site.cluster.control_planes() == ["cp1", "cp2", "cp3"]
    for name in ("cp1", "cp2", "cp3"):
        assert members(site, name) == 3


def members(site: Site, name: str) -> int:
    """Return how many members of etcd a control plane counts."""
    tls = "--cacert={0}/ca.crt --cert={0}/server.crt --key={0}/server.key".format("/etc/kubernetes/pki/etcd")
    exec_ = f"kubectl --kubeconfig=/etc/kubernetes/admin.conf -n kube-system exec etcd-{name} --"
    listed = site.machines.run(name, f"{exec_} etcdctl --endpoints=https://127.0.0.1:2379 {tls} member list")
    return sum("started" in line for line in listed.splitlines())


def answers(site: Site, name: str) -> bool:
    """Say whether a node's own endpoint leads to an API server that is ready, as the kubelet there asks it."""
    ask = "kubectl --kubeconfig=/etc/kubernetes/kubelet.conf --request-timeout=5s get --raw=/readyz"
    return site.machines.run(name, f"{ask} || true") == "ok"


def lose_the_first_control_plane(site: Site) -> None:
    """Cut off the one that the others joined: the cluster and the hub go on without it, and take it back."""
    machines = site.machines
    machines.cut_off("cp1")
    for name in ("cp2", "cp3", "worker1", "worker2"):
        until(f"the endpoint of {name} answers", partial(answers, site, name), 60)
    # Written, not only read: etcd has a leader.
    kubectl = "kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=30s"
    machines.run(
        "cp2", f"{kubectl} create configmap written-without-cp1 && {kubectl} delete configmap written-without-cp1"
    )
    see_sign_in(site)
    refused = site.up()
    assert refused.code != 0
    assert "cp1 is not reached by SSH" in " ".join(refused.tasks("failed"))
    machines.switch_on("cp1")
    see_nodes(site, "cp1", "cp2", "cp3", "worker1", "worker2")
    assert members(site, "cp1") == 3


def replace_a_control_plane(site: Site) -> None:
    """Lose one for good: its line names another machine."""
    site.machines.cut_off("cp3")
    site.machines.add("cp4", 14)
    forward_nothing(site.machines, "cp4")
    site.write_inventory(["cp1", "cp2", "cp4"], ["worker1", "worker2"])
    see_change(site)
    see_nodes(site, "cp1", "cp2", "cp4", "worker1", "worker2")
    assert site.cluster.control_planes() == ["cp1", "cp2", "cp4"]
    assert members(site, "cp4") == 3


def remove_a_worker(site: Site) -> None:
    """Take a line out: its machine is no node any more, and knows nothing of one."""
    site.write_inventory(["cp1", "cp2", "cp4"], ["worker1"])
    see_change(site)
    see_nodes(site, "cp1", "cp2", "cp4", "worker1")
    assert traces(site.machines, "worker2") == {}


def give_back(site: Site) -> None:
    """Take the cluster off all machines; what is left is what their packages brought.

    While one does not answer the keys are kept.
    """
    site.machines.cut_off("cp2")
    site.down(refused=True)
    assert (site.checkout / "state" / "kubeconfig").exists()
    site.machines.switch_on("cp2")
    site.down()
    assert not (site.checkout / "state").exists()
    for name in ("cp1", "cp2", "cp4", "worker1", "worker2"):
        assert traces(site.machines, name) == {}, name
    # Again: there is nothing to remove.
    assert "changed=0" in site.down()
    see_nothing_change(site, "--check")


def test_machines_become_a_platform_grow_lose_one_and_are_given_back(site: Site, ubuntu_keyring: Path | None) -> None:
    site.write_inventory(["cp1"], ["worker1"])
    look_first(site)
    see_change(site)
    see_nodes(site, "cp1", "worker1")
    see_sign_in(site)
    see_nothing_change(site)
    see_nothing_change(site, "--check")
    see_another_name_refused(site)
    add_worker(site, ubuntu_keyring)
    grow_to_three_control_planes(site)
    see_nothing_change(site)
    lose_the_first_control_plane(site)
    replace_a_control_plane(site)
    remove_a_worker(site)
    see_nothing_change(site)
    give_back(site)
