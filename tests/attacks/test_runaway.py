"""T21: who takes memory, processor, processes or disk without end is stopped alone; a neighbour goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from live.cluster import HUB_NAMESPACE, Cluster, CommandError
from live.faults import restarts
from live.fixtures import SignIn
from live.people import Person
from live.polling import until

MEMORY_HOG = "import sys; print(len(b'x' * (int(sys.argv[1]) << 20)))"

# Starts threads, which count as processes, until it may not or has as many as it was told; prints how many it had.
BOMB = """
import sys, threading
threading.stack_size(65536)
hold, count = threading.Event(), 0
try:
    while count < int(sys.argv[1]):
        threading.Thread(target=hold.wait, daemon=True).start()
        count += 1
except RuntimeError:
    pass
print(count, flush=True)
hold.set()
"""

# Has two processes count for some seconds; prints the seconds that passed, the seconds of
# processor that they got, and how often they were held back.
BURN = """
import json, multiprocessing, pathlib, resource, time
def burn(end):
    while time.monotonic() < end:
        pass
def held_back():
    files = (pathlib.Path("/sys/fs/cgroup", part, "cpu.stat") for part in ("cpu", ""))
    stat = next(file for file in files if file.exists()).read_text().split()
    return int(stat[stat.index("nr_throttled") + 1])
before = held_back()
begin = time.monotonic()
workers = [multiprocessing.Process(target=burn, args=(begin + 5,)) for _ in range(2)]
[worker.start() for worker in workers]
[worker.join() for worker in workers]
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([time.monotonic() - begin, used.ru_utime + used.ru_stime, held_back() - before]))
"""

# Takes that many MiB of disk for a file; prints how it ended.
TAKE = """
import errno, os, sys
file = os.open(os.path.expanduser(sys.argv[1]), os.O_CREAT | os.O_WRONLY)
try:
    os.posix_fallocate(file, 0, int(sys.argv[2]) << 20)
    print("taken")
except OSError as error:
    print(errno.errorcode[error.errno])
"""


def goes_on(person: Person) -> None:
    """See that somebody's server and the hub answer."""
    with person.platform.http(person.token()) as http:
        assert http.get(person.platform.server(person.name, "api/status")).status_code == 200
        assert http.get("/hub/api/user").status_code == 200


@pytest.fixture(scope="module")
def account(sign_in: SignIn) -> Iterator[Person]:
    """Edwin, whose server may be lost."""
    person = sign_in("edwin")
    yield person
    person.stop_server()


@pytest.fixture
def edwin(account: Person) -> Person:
    """Edwin with a server, a new one if he has lost his."""
    account.start_server("minimal")
    return account


def test_memory(cluster: Cluster, edwin: Person, ada: Person) -> None:
    pod = cluster.server_of("edwin")
    assert pod.python(MEMORY_HOG, "200").strip() == str(200 << 20)
    with pytest.raises(CommandError, match="ended with 137"):
        pod.python(MEMORY_HOG, "2000")
    assert restarts(cluster, "component=singleuser-server,hub.jupyter.org/username=ada") == 0
    goes_on(ada)
    conditions = cluster.core.read_node(cluster.workers()[0]).status.conditions
    assert [entry.status for entry in conditions if entry.type == "MemoryPressure"] == ["False"]


def test_processes(cluster: Cluster, edwin: Person, ada: Person) -> None:
    pod = cluster.server_of("edwin")
    assert pod.python(BOMB, "100").strip() == "100"
    with ThreadPoolExecutor(1) as aside:
        bomb = aside.submit(pod.python, BOMB, "6000")
        while not bomb.done():
            goes_on(ada)
    assert 100 < int(bomb.result()) <= 4096


def test_processor(cluster: Cluster, edwin: Person, ada: Person) -> None:
    """The minimal profile has one CPU."""
    with ThreadPoolExecutor(1) as aside:
        burning = aside.submit(cluster.server_of("edwin").python, BURN)
        while not burning.done():
            goes_on(ada)
    passed, used, held_back = json.loads(burning.result())
    assert used < 1.2 * passed
    # Control: it was the limit that held it back, and not that the machine had no more to give.
    assert held_back > 0


def test_home(cluster: Cluster, edwin: Person, ada: Person) -> None:
    """A home is a file system of the size of its claim, which the disk has much more of."""
    pod, file = cluster.server_of("edwin"), "~/.z2jh-taken"
    disk, home = (
        int(pod.run("df", "--block-size=1M", "--output=size", path).split()[-1]) for path in ("/", "/home/jovyan")
    )
    assert home < disk
    assert pod.python(TAKE, file, "100").strip() == "taken"
    assert pod.python(TAKE, file, str(home)).strip() == "ENOSPC"
    pod.run("sh", "-c", f"rm {file}")
    assert pod.python(TAKE, file, "100").strip() == "taken"
    pod.run("sh", "-c", f"rm {file}")
    goes_on(ada)


def test_disk(cluster: Cluster, edwin: Person, ada: Person) -> None:
    """The disk beneath a pod's own files is the node's."""
    pod = cluster.server_of("edwin")
    assert pod.python(TAKE, "/tmp/taken", "100").strip() == "taken"
    assert pod.python(TAKE, "/tmp/taken", "5000").strip() == "taken"
    core = cluster.core

    def evicted() -> bool:
        found = [one for one in core.list_namespaced_pod(HUB_NAMESPACE).items if one.metadata.name == pod.name]
        return not found or found[0].status.reason == "Evicted" or bool(found[0].metadata.deletion_timestamp)

    begin = time.monotonic()
    until("the pod that filled the disk is evicted", evicted, 120)
    print(f"evicted after {time.monotonic() - begin:.0f} s")
    events = core.list_namespaced_event(
        HUB_NAMESPACE, field_selector=f"involvedObject.name={pod.name},reason=Evicted"
    ).items
    assert any("ephemeral" in event.message for event in events), [event.message for event in events]
    until("the hub knows", lambda: not edwin.server(), 90)
    assert "folders outside your home, such as /tmp" in edwin.http.get("/user/edwin/lab").text
    goes_on(ada)
