"""What a process of a user's pod asks of the kernel, and what the hub may ask of Kubernetes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kubernetes import client
from live.cluster import HUB_NAMESPACE, Cluster, Pod
from live.nodes import run_on

# Tries each in a process of its own, so that none helps the next; prints how each ended, as JSON. Nothing is changed:
# what is mounted is mounted in a mount namespace of its own, what is opened is not written to.
PROBE = """
import ctypes, errno, json, os, socket
from pathlib import Path
libc = ctypes.CDLL(None, use_errno=True)
def call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
def mount():
    call(libc.unshare(0x20000))
    call(libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None))
    call(libc.mount(b"none", b"/mnt", b"tmpfs", 0, None))
probes = {
    "raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "user namespace": lambda: call(libc.unshare(0x10000000)),
    "mount": mount,
    "kernel log": lambda: call(libc.klogctl(3, ctypes.create_string_buffer(4096), 4096)),
    "host name": lambda: os.open("/proc/sys/kernel/hostname", os.O_WRONLY),
    "cgroup": lambda: os.open(next(Path("/sys/fs/cgroup").rglob("cgroup.procs")), os.O_WRONLY),
    "system files": lambda: os.open("/etc/passwd", os.O_WRONLY),
}
ends = {}
for name, probe in probes.items():
    reader, writer = os.pipe()
    if not os.fork():
        try:
            probe()
            end = "done"
        except OSError as error:
            end = errno.errorcode[error.errno]
        os.write(writer, end.encode())
        os._exit(0)
    os.close(writer)
    ends[name] = os.read(reader, 100).decode()
    os.wait()
print(json.dumps(ends))
"""


def test_what_only_root_may(grace_pod: Pod, cluster: Cluster) -> None:
    """T17 and T19."""
    ends = json.loads(grace_pod.python(PROBE))
    assert set(ends.values()) <= {"EPERM", "EACCES", "EROFS"}, ends
    control = json.loads(run_on(cluster.workers()[0], "python3", "-c", PROBE))
    assert control == dict.fromkeys(ends, "done")


def as_hub(cluster: Cluster) -> client.ApiClient:
    """Return a client that asks as the hub's service account, by impersonation."""
    api = cluster.core.api_client
    pod = cluster.core.read_namespaced_pod(cluster.pod("component=hub").name, HUB_NAMESPACE)
    api.set_default_header("Impersonate-User", f"system:serviceaccount:{HUB_NAMESPACE}:{pod.spec.service_account_name}")
    return api


def pod(image: str, **changes: Any) -> dict[str, Any]:
    """Describe a pod that Pod Security `restricted` lets in, with changes of its spec."""
    context = {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {"name": "main", "image": image, "securityContext": context | changes.pop("container", {})}
    return {"metadata": {"generateName": "attack-"}, "spec": {"containers": [container], **changes}}


@pytest.mark.parametrize(
    "changes",
    [
        {"hostNetwork": True},
        {"hostPID": True},
        {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]},
        {"container": {"privileged": True, "allowPrivilegeEscalation": True}},
        {"container": {"runAsNonRoot": False, "runAsUser": 0}},
        {"container": {"capabilities": {"add": ["NET_RAW"]}}},
    ],
    ids=["host-network", "host-pid", "host-path", "privileged", "root", "capability"],
)
def test_the_hub_makes_no_pod_with_rights(cluster: Cluster, grace_pod: Pod, changes: dict[str, Any]) -> None:
    """T20: whoever takes over the hub gets no further than its users' pods."""
    hub = client.CoreV1Api(as_hub(cluster))
    with pytest.raises(client.ApiException, match="violates PodSecurity") as refused:
        hub.create_namespaced_pod(HUB_NAMESPACE, pod(grace_pod.image, **changes), dry_run="All")
    assert refused.value.status == 403
    assert hub.create_namespaced_pod(HUB_NAMESPACE, pod(grace_pod.image), dry_run="All").metadata.name.startswith(
        "attack-"
    )


def test_a_namespace_that_says_nothing_admits_no_pod_that_is_root_on_its_node(cluster: Cluster) -> None:
    """Not even the administrator's."""
    rights: dict[str, Any] = {"container": {"privileged": True, "allowPrivilegeEscalation": True}}
    with pytest.raises(client.ApiException, match="violates PodSecurity") as refused:
        cluster.core.create_namespaced_pod("default", pod("image", **rights), dry_run="All")
    assert refused.value.status == 403
    assert cluster.core.create_namespaced_pod("default", pod("image"), dry_run="All").metadata.name.startswith(
        "attack-"
    )
    # Control: a namespace that says so admits it.
    cluster.core.create_namespaced_pod("local-path-storage", pod("image", **rights), dry_run="All")


@pytest.mark.parametrize(
    ("verb", "resource", "namespace"),
    [
        ("create", "pods", "kube-system"),
        ("create", "pods", "github-standin"),
        ("get", "secrets", "kube-system"),
        ("list", "secrets", ""),
        ("create", "pods/exec", HUB_NAMESPACE),
        ("create", "clusterrolebindings.rbac.authorization.k8s.io", ""),
        ("create", "rolebindings.rbac.authorization.k8s.io", HUB_NAMESPACE),
        ("patch", "namespaces", HUB_NAMESPACE),
    ],
)
def test_the_hub_may_no_more_than_it_needs(cluster: Cluster, verb: str, resource: str, namespace: str) -> None:
    """T20."""

    def allowed(verb: str, resource: str, namespace: str) -> bool:
        kind, _, group = resource.partition(".")
        kind, _, part = kind.partition("/")
        what = {"verb": verb, "resource": kind, "subresource": part, "group": group, "namespace": namespace}
        review = client.AuthorizationV1Api(as_hub(cluster)).create_self_subject_access_review(
            {"spec": {"resourceAttributes": what}}
        )
        return bool(review.status.allowed)

    assert not allowed(verb, resource, namespace)
    assert allowed("create", "pods", HUB_NAMESPACE)
