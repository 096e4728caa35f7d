"""A person's server: what starts late is there all the same."""

from __future__ import annotations

import pytest
from live.cluster import Pod
from live.people import Person
from live.platform import Platform

# Run in a server's pod: prints the command lines of the server.
PROGRAM = """
from pathlib import Path
for process in Path("/proc").iterdir():
    if process.name.isdigit() and "jupyterhub-singleuser" in (process / "cmdline").read_text():
        print((process / "cmdline").read_text().replace(chr(0), " "))
"""


@pytest.mark.parametrize(
    "path",
    [
        "lsp/status",  # jupyter_lsp
        "dask/clusters/",  # dask_labextension
        "api/metrics/v1",  # jupyter_resource_usage
        "server-proxy/servers-info",  # jupyter_server_proxy
        "api/terminals",
        "lab",
    ],
)
def test_every_extension_answers(platform: Platform, ada: Person, path: str) -> None:
    with platform.http(ada.token()) as server:
        assert server.get(platform.server("ada", path)).status_code == 200
        # A path that nobody has: those above are not answered by whoever answers everything.
        assert server.get(platform.server("ada", "nobody/has/this")).status_code == 404


# Run in a server's pod: says whether modules in the home are found, by kernels and by the server, and programs in it.
IN_HOME = """
import subprocess, sys
def finds(*options):
    found = "import site; print(site.getusersitepackages() in __import__('sys').path)"
    return subprocess.check_output([sys.executable, *options, "-c", found], text=True).strip()
import os
from pathlib import Path
server = Path("/opt/z2jh/bin/jupyterhub-singleuser").read_text().splitlines()[0].split()
print(finds(), finds(*server[1:]), f"{Path.home()}/.local/bin" in os.environ["PATH"].split(":"))
"""


def test_packages_in_the_home_are_for_kernels_not_for_the_server(ada_pod: Pod) -> None:
    """Also in a home where there are none yet: a kernel looks only in folders that there are when it starts."""
    assert ada_pod.python(IN_HOME).split() == ["True", "False", "True"]


def test_it_is_started_by_our_program(ada_pod: Pod) -> None:
    assert "/opt/z2jh/bin/jupyterhub-singleuser" in ada_pod.python(PROGRAM)


# Run in a server's pod, whose user may not write where modules are: names those that are compiled anew at each start.
UNCOMPILED = """
import sys
from pathlib import Path
import jupyterhub.singleuser.extension, jupyterlab.labapp
sources = [module.__cached__ for module in sys.modules.values() if getattr(module, "__cached__", None)]
assert len(sources) > 300, len(sources)
print([path for path in sources if not Path(path).exists()])
"""


def test_all_that_it_imports_is_compiled(ada_pod: Pod) -> None:
    assert ada_pod.python(UNCOMPILED).splitlines()[-1] == "[]"
