"""A notebook in which somebody works while something is broken."""

from __future__ import annotations

import secrets

from live.cluster import Cluster
from live.kernels import Kernel
from live.people import Person
from live.platform import Platform


class Work:
    """Somebody's running notebook: all that must go on, whatever is broken."""

    def __init__(self, platform: Platform, cluster: Cluster, person: Person) -> None:
        person.start_server()
        self.person = person
        self.kernel = Kernel(platform, person)
        self._cluster = cluster
        self._word = secrets.token_hex()
        self.kernel.run(f"word = '{self._word}'")
        self._http = platform.http(person.token())
        self.goes_on()
        self._before = self._identity()

    def _identity(self) -> tuple[str, str, int]:
        pod = self._cluster.server_of(self.person.name)
        found = self._cluster.core.read_namespaced_pod(pod.name, pod.namespace)
        return pod.name, found.metadata.uid, found.status.container_statuses[0].restart_count

    def goes_on(self) -> None:
        """See that a cell runs, with what is in memory, and that files are there."""
        assert self.kernel.run("print(word)") == self._word
        answer = self._http.get(self.person.platform.server(self.person.name, "api/contents"))
        assert answer.status_code == 200, answer.text

    def is_as_before(self) -> None:
        """See that it goes on, in the same pod, as the only one, and that its owner is signed in and has it."""
        self.goes_on()
        assert self._identity() == self._before
        assert len(self._cluster.pods(f"component=singleuser-server,hub.jupyter.org/username={self.person.name}")) == 1
        assert self.person.api("GET", "/user").status_code == 200
        server = self.person.server()
        assert server
        assert server["ready"]

    def end(self) -> None:
        """End the kernel."""
        self.kernel.end()
        self._http.close()
