#!/usr/bin/python
"""Keep the static pods of a control plane as kubeadm makes them."""

from __future__ import annotations

import platform
import re
import shutil
import ssl
import time
import urllib.request
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: kubeadm_manifests
short_description: Static pod manifests as kubeadm makes them
version_added: "1.0"
author: z2jh
description:
  - Has kubeadm render the manifests of etcd and the control plane elsewhere, compares them, and puts those that differ
    or are missing in place, each in one step, so that the kubelet never reads half of one.
  - Then gives what was changed the time to run anew and be ready, so that control planes do not restart together. Fails
    if something that was ready before is not then, with the former manifests in place again, so that the same is
    done neither to the next control plane nor by the next run. What was not ready before may need that one.
  - Does nothing on a machine that kubeadm has not made a control plane of yet.
options:
  config:
    description: kubeadm's configuration.
    type: path
    required: true
  folder:
    description: Folder of kubeadm's files.
    type: path
    default: /etc/kubernetes
  wait:
    description: Seconds to wait for pods that were changed; a third of it for those that were not ready before.
    type: int
    default: 300
attributes:
  check_mode: {support: full, description: It says what it would change.}
"""

RETURN = """
repaired:
  description: Names of the manifests that were not as they should be.
  type: list
  returned: always
settled:
  description: Those of them that are ready again.
  type: list
  returned: always
"""

# Where the pods say whether they are ready.
READY = {
    "etcd": "http://127.0.0.1:2381/health",
    "kube-apiserver": "https://127.0.0.1:6443/readyz",
    "kube-controller-manager": "https://127.0.0.1:10257/healthz",
    "kube-scheduler": "https://127.0.0.1:10259/healthz",
}
# The kubelet looks for changed manifests every 20 s. One that is only written in another way starts nothing anew.
NOTICED = 30
NOT_READY = (
    "{0} on {1} ran, and was not ready {2} s after its manifest was changed, so the former one is back and no further "
    "control plane was changed: crictl ps -a and crictl logs on {1} say why. Undo the setting that was changed, or "
    "mend what it needs, then run again."
)
PHASES = (("control-plane", "all"), ("etcd", "local"))
# What etcd was told of other members when it joined. It is not in kubeadm's configuration, and etcd reads it only once.
MEMBERS = re.compile(r"^ +- --initial-cluster(?:-state)?=.*\n", re.MULTILINE)


def with_members(rendered: str, present: str) -> str:
    """Return a rendered manifest with what the present one says of etcd's members."""
    lines, place = "".join(MEMBERS.findall(present)), MEMBERS.search(rendered)
    return rendered[: place.start()] + lines + rendered[place.end() :] if lines and place else rendered


def render(module: AnsibleModule, config: str, folder: Path) -> None:
    """Have kubeadm write its manifests into a folder."""
    for phase in PHASES:
        code, _, complaint = module.run_command(
            ["kubeadm", "init", "phase", *phase, "--dry-run", f"--config={config}"],
            environ_update={"KUBEADM_INIT_DRYRUN_DIR": str(folder)},
        )
        if code:
            module.fail_json(msg=f"kubeadm cannot render the manifests of {' '.join(phase)}: {complaint.strip()}")


def differing(rendered: Path, manifests: Path) -> list[str]:
    """Complete the rendered manifests by what etcd knows, and name those that differ from the present ones."""
    names = []
    for wanted in sorted(rendered.glob("*.yaml")):
        target = manifests / wanted.name
        present = target.read_text() if target.exists() else ""
        wanted.write_text(with_members(wanted.read_text(), present))
        if wanted.read_text() != present:
            names.append(wanted.stem)
    return names


def put(names: list[str], rendered: Path, manifests: Path) -> None:
    """Put manifests in place; in one file system a rename is one step."""
    manifests.mkdir(mode=0o700, exist_ok=True)
    for name in names:
        (rendered / f"{name}.yaml").replace(manifests / f"{name}.yaml")


def processes(pod: str) -> set[str]:
    """Return the numbers of the processes of a pod, by what the kernel keeps of its program's name."""
    return {path.parent.name for path in Path("/proc").glob("[0-9]*/comm") if _read(path).strip() == pod[:15]}


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def is_ready(pod: str) -> bool:
    """Say whether a pod answers that it is ready. Who serves it does not matter: nothing is told or taken."""
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    # No proxy of the environment knows this machine.
    direct = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=unverified)
    )
    try:
        with direct.open(READY[pod], timeout=3):
            return True
    except OSError:
        return False


def settle(pod: str, before: set[str], began: float, seconds: float) -> bool:
    """Wait until a pod that was changed runs anew and is ready; say whether it came to that."""
    while time.monotonic() - began < seconds:
        noticed = processes(pod) - before or time.monotonic() - began > NOTICED
        if noticed and is_ready(pod):
            return True
        time.sleep(1)
    return False


def change(names: list[str], rendered: Path, manifests: Path, seconds: int) -> tuple[list[str], list[str]]:
    """Put manifests in place and wait for their pods; name those that are ready, and those that were and are not.

    If there is one that was and is not, the former manifests of all that were ready come back.
    """
    before = {pod: processes(pod) for pod in names}
    ready = [pod for pod in names if is_ready(pod)]
    former = {pod: text for pod in ready if (text := _read(manifests / f"{pod}.yaml"))}
    put(names, rendered, manifests)
    began = time.monotonic()
    settled = [pod for pod in names if settle(pod, before[pod], began, seconds if pod in ready else seconds / 3)]
    lost = [pod for pod in ready if pod not in settled]
    if lost:
        for pod, text in former.items():
            (rendered / f"{pod}.yaml").write_text(text)
        put(list(former), rendered, manifests)
    return settled, lost


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "config": {"type": "path", "required": True},
            "folder": {"type": "path", "default": "/etc/kubernetes"},
            "wait": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    params: dict[str, Any] = module.params
    folder = Path(params["folder"])
    if not (folder / "admin.conf").exists():
        module.exit_json(changed=False, repaired=[], settled=[])
    rendered = folder / "z2jh-rendered"
    # One that was cut off may have left its own.
    shutil.rmtree(rendered, ignore_errors=True)
    rendered.mkdir(mode=0o700)
    settled: list[str] = []
    lost: list[str] = []
    try:
        render(module, params["config"], rendered)
        names = differing(rendered, folder / "manifests")
        if not module.check_mode:
            settled, lost = change(names, rendered, folder / "manifests", params["wait"])
    finally:
        shutil.rmtree(rendered, ignore_errors=True)
    result = {"changed": bool(names), "repaired": names, "settled": settled}
    if lost:
        module.fail_json(msg=NOT_READY.format(", ".join(lost), platform.node(), params["wait"]), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
