"""Ansible's linear strategy, with one interpreter kept on each machine for a whole run (Mitogen)."""

from __future__ import annotations

import functools
import os
import signal

from ansible.plugins.strategy.linear import StrategyModule as Linear

DOCUMENTATION = """
name: mitogen_linear
short_description: The linear strategy by Mitogen
version_added: "1.0"
author: z2jh
description:
  - Ansible sends each module to its machine as source, where a new interpreter compiles and runs it; writing a file
    takes two of them. Mitogen keeps an interpreter there, which has what it was sent before. A run in which nothing is
    to be changed took a third less of time and processor.
  - Tasks, their order and their results are those of C(linear). Without Mitogen, in an environment that is not
    requirements/ansible.txt, it is C(linear), as it is where the path of TMPDIR is too long for a socket in it.
"""

UNIX_PATH_MAX = 107
"""Longest path of a socket, in bytes (sun_path of unix(7), less the byte that ends it)."""

try:
    import ansible_mitogen.affinity
    import mitogen.parent
    import mitogen.unix
    from ansible_mitogen.strategy import StrategyMixin

    # Its processes talk by a socket in TMPDIR. Where the kernel does not take the path they would wait for ever.
    usable = len(os.fsencode(mitogen.unix.make_socket_path())) <= UNIX_PATH_MAX
except ImportError:
    usable = False

if not usable:
    StrategyModule = Linear
else:
    # Mitogen ties its processes to one CPU each, and with them the compilers that modules start on this machine.
    ansible_mitogen.affinity.policy = ansible_mitogen.affinity.Policy()
    # It also has them ignore Ctrl-C, which what they start would inherit: a build would go on after its run.
    mitogen.parent._preexec_hook = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)

    class StrategyModule(StrategyMixin, Linear):  # type: ignore[no-redef,misc]
        """Ansible's entry point."""
