"""Figures of the live platform. `make bench` prints them; only what is far off fails."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator

import pytest
from live.cluster import Cluster, Pod
from live.fixtures import SignIn
from live.memory import memory_of_nodes
from live.people import Person
from live.platform import ROOT, Platform
from live.polling import until
from live.table import Table

# Times of what a notebook does. The first cluster is not counted: it fills caches.
DASK = """
import json, sys, time
def seconds(work):
    begin = time.monotonic()
    result = work()
    return result, time.monotonic() - begin
from dask_gateway import GatewayCluster
starts, scales, tasks = [], [], []
for number in range(int(sys.argv[1]) + 1):
    cluster, start = seconds(GatewayCluster)
    client = cluster.get_client()
    _, scale = seconds(lambda: (cluster.scale(2), client.wait_for_workers(2, timeout=120)))
    _, task = seconds(lambda: client.gather(client.map(lambda x: x, range(1000))))
    cluster.close()
    if number:
        starts.append(start), scales.append(scale), tasks.append(task)
print(json.dumps({"starts": starts, "scales": scales, "tasks": tasks}))
"""

# Measuring sixty images here and by two workers, the archive's throughput, and what reading a part saves.
ARCHIVE = """
import json, time
def seconds(work):
    begin = time.monotonic()
    result = work()
    return result, time.monotonic() - begin
import numpy as np, s3fs, sep
from astropy.io import fits
from dask_gateway import GatewayCluster
def measure(uri):
    with fits.open(uri, fsspec_kwargs={"anon": True}) as hdus:
        pixels = hdus["SCI"].data.astype(np.float32)
    background = sep.Background(pixels)
    return len(sep.extract(pixels - background.back(), 3, err=background.globalrms))
bucket = s3fs.S3FileSystem(anon=True)
uris = ["s3://" + path for path in bucket.glob("s3://stpubdata/synthetic/hst/candels-mosaic/*.fits")]
large = "stpubdata/synthetic/hst/candels-mosaic-large/candels-mosaic-large.fits"
content, whole = seconds(lambda: bucket.cat_file(large))
def part():
    with fits.open(f"s3://{large}", fsspec_kwargs={"anon": True, "default_block_size": 50_000}) as hdus:
        return hdus["SCI"].section[950:1050, 950:1050]
_, partly = seconds(part)
measure(uris[0])
counts, here = seconds(lambda: [measure(uri) for uri in uris])
cluster = GatewayCluster()
client = cluster.get_client()
cluster.scale(2)
client.wait_for_workers(2, timeout=120)
client.gather(client.map(measure, uris[:2], pure=False))
again, there = seconds(lambda: client.gather(client.map(measure, uris, pure=False)))
cluster.close()
assert counts == again
print(json.dumps({"size": len(content), "whole": whole, "part": partly, "images": len(uris), "here": here,
                  "workers": there}))
"""


@pytest.fixture(scope="module")
def edwin(sign_in: SignIn) -> Iterator[Person]:
    """Return Edwin, who has no server before and after."""
    person = sign_in("edwin")
    person.stop_server()
    yield person
    person.stop_server()


@pytest.fixture
def pod(edwin: Person, cluster: Cluster) -> Pod:
    """Return the pod of Edwin's server with the astronomy image."""
    edwin.start_server("astronomy")
    return cluster.server_of("edwin")


def test_memory_of_all_when_idle(platform: Platform, edwin: Person, table: Table) -> None:
    if platform.place != "local":
        pytest.skip("only the nodes of place local are on this machine")
    total, parts = memory_of_nodes()
    table.add("memory of all, nobody's server running", f"{total:.2f} GiB", f"{parts}; at most 3")
    assert total < 3


@pytest.mark.parametrize("profile", ["minimal", "astronomy"])
def test_time_to_start_a_server(
    platform: Platform, edwin: Person, table: Table, profile: str, pytestconfig: pytest.Config
) -> None:
    seconds = []
    with platform.http(edwin.token()) as http:
        for _ in range(pytestconfig.getoption("--spawns", 5)):
            edwin.stop_server()
            begin = time.monotonic()
            edwin.ask_for_server(profile)
            until(
                f"a {profile} server answers",
                lambda: http.get(platform.server("edwin", "api/status")).status_code == 200,
                180,
                every=0.1,
            )
            seconds.append(time.monotonic() - begin)
    table.times(f"server of image {profile}: asked for to answering", seconds)


@pytest.mark.timeout(600)
def test_time_to_start_dask(pod: Pod, table: Table) -> None:
    measured = json.loads(pod.python(DASK, "3", seconds=500).splitlines()[-1])
    table.times("GatewayCluster()", measured["starts"])
    table.times("scale(2) to two workers", measured["scales"])
    table.times("1000 empty tasks on them", measured["tasks"])


@pytest.mark.timeout(600)
def test_time_to_read_and_measure(pod: Pod, table: Table) -> None:
    measured = json.loads(pod.python(ARCHIVE, seconds=500).splitlines()[-1])
    rate = measured["size"] / measured["whole"] / 1e6
    table.add(f"archive: a file of {measured['size'] / 1e6:.0f} MB", f"{measured['whole']:.2f} s", f"{rate:.0f} MB/s")
    table.add("archive: 100 x 100 pixels of it", f"{measured['part']:.2f} s")
    gain = measured["here"] / measured["workers"]
    value = f"{measured['here']:.1f} s here, {measured['workers']:.1f} s there"
    table.add(f"{measured['images']} images measured here and by two workers", value, f"{gain:.2f} times as fast")


@pytest.mark.timeout(900)
def test_time_of_a_second_run(table: Table) -> None:
    begin = time.monotonic()
    subprocess.run([ROOT / "scripts" / "up.sh"], check=True, capture_output=True)
    seconds = time.monotonic() - begin
    table.add("make up when there is nothing to do", f"{seconds:.0f} s", "at most 60")
