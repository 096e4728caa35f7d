"""How a node joins: what a failure says, and that the token leaves the node in any case. Programs are stood in for."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from loading import CHECKOUT

TOKEN = "abcdef.0123456789abcdef"
NODES = ("cp2", "cp3")
# It keeps what it was given, and fails as kubeadm 1.36 does if there is something for it to say.
KUBEADM = f"""#!/bin/sh
cd "$(dirname "$0")" || exit 1
case $1 in
token) echo {TOKEN} ;;
join)
    cd "$(dirname "${{2#--config=}}")" && cp join.yaml given
    [ ! -s complaint ] || {{ cat complaint >&2; exit 1; }} ;;
esac
"""
HINT = "To see the stack trace of this error execute with --v=5 or higher\n"
TIMEOUT = "error: error execution phase kubelet-wait-bootstrap: failed while waiting for TLS bootstrap\n"


def ca() -> str:
    """Sign a CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(tz=datetime.UTC)
    builder = x509.CertificateBuilder(x509.Name([]), x509.Name([]), key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    signed = builder.sign(key, hashes.SHA256())
    return signed.public_bytes(Encoding.PEM).decode()


@pytest.fixture
def nodes(tmp_path: Path) -> Path:
    """Return a folder of the nodes, with a copy of the role that knows them and the programs that it runs."""
    shutil.copytree(CHECKOUT / "roles/join", tmp_path / "roles/join")
    for file in (tmp_path / "roles/join/tasks").iterdir():
        text = json.dumps(yaml.safe_load(file.read_text())).replace("/usr/local/bin/kubeadm", f"{tmp_path}/kubeadm")
        file.write_text(text.replace("/etc/kubernetes/", f"{tmp_path}/{{{{ inventory_hostname }}}}/"))
    for name in NODES:
        (tmp_path / name / "pki").mkdir(parents=True)
        (tmp_path / name / "pki/ca.crt").write_text(ca())
    programs = {
        "kubeadm": KUBEADM,
        "flock": '#!/bin/sh\nshift 2\nexec "$@"\n',
        "journalctl": "#!/bin/sh\necho Starting.\necho The disk is full.\n",
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def test_one_joins_and_one_fails(nodes: Path) -> None:
    """Of both the token is taken."""
    (nodes / "cp2/complaint").write_text(TIMEOUT + HINT)
    known = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    variables = {
        "join_through": "localhost",
        "join_endpoint": "127.0.0.1:6444",
        "join_node_name": "{{ inventory_hostname }}",
        "join_node_ip": "10.0.0.12",
        "join_certificate_key": "c" * 64,
    }
    role = {"ansible.builtin.include_role": {"name": "join", "tasks_from": "join"}, "vars": variables}
    play = {"hosts": "all", "gather_facts": False, "any_errors_fatal": True, "tasks": [role]}
    (nodes / "hosts.yml").write_text(json.dumps({"all": {"hosts": dict.fromkeys(NODES, known)}}))
    (nodes / "play.yml").write_text(json.dumps([play]))
    paths = {"ANSIBLE_ROLES_PATH": str(nodes / "roles"), "PATH": f"{nodes}:{os.environ['PATH']}"}
    run = subprocess.run(
        ["ansible-playbook", "-i", str(nodes / "hosts.yml"), str(nodes / "play.yml")],
        cwd=CHECKOUT,
        env=os.environ | {"ANSIBLE_HOME": str(nodes / "home"), "ANSIBLE_NOCOLOR": "1"} | paths,
        capture_output=True,
        text=True,
        check=False,
    )
    said = run.stdout + run.stderr
    for name in NODES:
        given = (nodes / name / "given").read_text()
        assert f"token: {TOKEN}" in given
        assert f"certificateKey: {'c' * 64}" in given
        assert not (nodes / name / "join.yaml").exists()
    assert TOKEN not in said
    assert run.returncode != 0, said
    sentence = (
        f"cp2 could not join the cluster: {TIMEOUT.strip()} (journalctl --unit=kubelet on that node ends with: "
        "The disk is full.). Mend that and run again; the node then starts from nothing."
    )
    assert [line for line in said.splitlines() if "could not join" in line] == [sentence], said
