"""The archive as a user's pod sees it: readable by anybody, writable by nobody, and found by unmodified astroquery."""

from __future__ import annotations

import json

import pytest
from live.cluster import Pod

BUCKET = "http://s3.archive.svc.cluster.local/stpubdata"
SAMPLE = "samples/hst/candels/candels_gn_30mas_189.492060_62.206150_100.0pix-x-100.0pix_astrocut.fits"

# What a notebook does, with no address of this place in it.
LOOK_UP = """
import json
from astropy.coordinates import SkyCoord
from astroquery.mast import Observations
Observations.enable_cloud_dataset(verbose=False)
found = Observations.query_criteria(
    coordinates=SkyCoord(189.49206, 62.20615, unit="deg"), radius="1 arcsec", obs_collection="HST"
)
uris = Observations.get_cloud_uris(Observations.get_product_list(found))
print(json.dumps({"titles": [str(title) for title in found["obs_title"]], "uris": list(map(str, uris))}))
"""
READ = """
import json, sys
import s3fs
from astropy.io import fits
with fits.open(f"s3://stpubdata/{sys.argv[1]}", fsspec_kwargs={"anon": True}) as hdus:
    print(json.dumps({"shape": hdus[1].section[10:20, 10:30].shape, "images": len(hdus) - 1}))
"""


def test_anybody_reads(grace_pod: Pod) -> None:
    answer = grace_pod.request(f"{BUCKET}/{SAMPLE}")
    assert answer.status == 200
    assert answer.body.startswith("SIMPLE  =")


def test_a_part_is_enough(grace_pod: Pod) -> None:
    answer = grace_pod.request(f"{BUCKET}/{SAMPLE}", headers={"Range": "bytes=0-79"})
    assert (answer.status, answer.size) == (206, 80)
    assert answer.headers["Content-Range"].startswith("bytes 0-79/")


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_nobody_writes(grace_pod: Pod, method: str) -> None:
    before = grace_pod.request(f"{BUCKET}/{SAMPLE}")
    answer = grace_pod.request(f"{BUCKET}/{SAMPLE}", method=method, body="mine" if method == "PUT" else None)
    assert answer.status == 403, answer.body
    assert grace_pod.request(f"{BUCKET}/{SAMPLE}").body == before.body


def test_nothing_new_is_written(grace_pod: Pod) -> None:
    url = f"{BUCKET}/samples/mine.txt"
    assert grace_pod.request(url, method="PUT", body="mine").status == 403
    assert grace_pod.request(url).status == 404


def test_astroquery_finds_the_sample(grace_pod: Pod) -> None:
    found = json.loads(grace_pod.python(LOOK_UP).splitlines()[-1])
    assert len(found["titles"]) == 1
    assert found["titles"][0].startswith("Sample cutout")
    assert found["uris"] == [f"s3://stpubdata/{SAMPLE}"]


def test_astropy_reads_pixels(grace_pod: Pod) -> None:
    assert json.loads(grace_pod.python(READ, SAMPLE).splitlines()[-1]) == {"shape": [10, 20], "images": 3}
