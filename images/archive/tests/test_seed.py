import io
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from astropy.io import fits

from z2jh_archive import seed, sources, synthetic


@pytest.fixture(scope="module")
def cutout() -> bytes:
    return sources.read(sources.SOURCES[0])


def test_every_source_is_the_file_its_checksum_says():
    sizes = {source.key: len(sources.read(source)) for source in sources.SOURCES}
    assert sorted(sizes.values()) == [167040, 766080]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sha256": "0" * 64}, "expected 000000"),
        ({"member": "absent.fits"}, "has no astrocut"),
        ({"container": "absent.zip"}, "has no absent.zip"),
    ],
)
def test_a_wrong_source_is_refused(change, sentence):
    with pytest.raises(seed.SeedError, match=sentence):
        sources.read(replace(sources.SOURCES[0], **change))


def test_no_key_claims_to_be_an_archive_product():
    keys = [key for key, _, _ in seed.objects(frames=2)]
    assert len(keys) == len(set(keys)) == 5
    assert all(key.startswith(("samples/", "synthetic/")) for key in keys)


def test_two_runs_make_the_same_bytes(cutout):
    first, second = (list(islice(synthetic.frames(cutout), 4)) for _ in range(2))
    assert first == second


def test_a_frame_says_that_it_is_synthetic_and_keeps_the_real_photometry(cutout):
    real = fits.open(io.BytesIO(cutout))
    for number, (key, content) in enumerate(synthetic.frames(cutout, 3)):
        with fits.open(io.BytesIO(content)) as frame:
            frame.verify("exception")
            for extension in frame:
                assert extension.header["SYNTHE"] is True
                assert "no telescope took it" in str(extension.header["HISTORY"])
                assert "CRVAL1" not in extension.header
            if key == synthetic.LARGE_KEY:
                assert frame["SCI"].data.shape == (2000, 2000)
                continue
            assert frame["SCI"].data.shape == (500, 500)
            assert 0.99e6 < len(content) < 1.1e6
            assert frame["SCI"].header["PHOTFLAM"] == real[1 + number].header["PHOTFLAM"]
            # noise of mean zero and turned tiles leave the mean as it is
            assert np.mean(frame["SCI"].data) == pytest.approx(np.mean(real[1 + number].data), rel=1e-3)


def test_frames_differ(cutout):
    assert len({content for _, content in islice(synthetic.frames(cutout), 6)}) == 6


def test_without_versitygw_nothing_is_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VERSITYGW", str(tmp_path / "absent"))
    monkeypatch.setattr("sys.argv", ["seed", str(tmp_path / "archive")])
    assert seed.main() == 1
    assert "VERSITYGW" in capsys.readouterr().err
    assert not (tmp_path / "archive").exists()
