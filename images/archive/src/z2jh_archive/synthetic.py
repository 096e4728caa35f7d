"""Larger images made of real pixels: for work that needs many files, or one that is worth reading in parts.

Every frame says in its header that it is synthetic (SYNTHE = T, HISTORY), has no sky position, and lies under
synthetic/.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

PREFIX = "synthetic/hst/candels-mosaic/"
LARGE_KEY = "synthetic/hst/candels-mosaic-large/candels-mosaic-large.fits"
FRAMES = 60
SEED = 20260601
# Gaussian noise added to every pixel, as a part of the real cutout's own pixel-to-pixel scatter: enough to make each
# frame unlike its neighbours, little enough to keep the real sources.
NOISE = 0.5
HISTORY = (
    "SYNTHETIC image: no telescope took it. Made by z2jh_archive of real pixels of the",
    "HST/ACS CANDELS GOODS-N mosaic (programme 12445, astrocut cutout of 100 x 100",
    "pixels), repeated as tiles, each turned or mirrored at random, with Gaussian noise",
    "added. The same galaxies appear again and again, and there is no sky position.",
)
COPIED = ("TELESCOP", "INSTRUME", "DETECTOR", "PHOTMODE", "PHOTFLAM", "PHOTZPT", "PHOTPLAM", "PHOTBW")


def _band(header: Any) -> str:
    """Name the filter in use: the wheel that is not clear."""
    names = (str(header["FILTER1"]).strip(), str(header["FILTER2"]).strip())
    return next(name for name in names if not name.startswith("CLEAR"))


def _mosaic(pixels: NDArray[np.float32], tiles: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Tile the pixels, each tile in one of its eight orientations, and add noise."""
    scatter = float(np.median(np.abs(np.diff(pixels, axis=1)))) * 1.4826 / np.sqrt(2)
    rows = []
    for _ in range(tiles):
        turned = [
            np.rot90(pixels if random.random() < 0.5 else pixels.T, int(random.integers(4))) for _ in range(tiles)
        ]
        rows.append(np.hstack(turned))
    mosaic = np.vstack(rows)
    return (mosaic + random.normal(0.0, NOISE * scatter, mosaic.shape)).astype(np.float32)


def _frame(source: Any, tiles: int, number: int) -> bytes:
    """Return one FITS file made of the image extension `source`."""
    random = np.random.default_rng([SEED, number])
    image = fits.ImageHDU(_mosaic(np.asarray(source.data, dtype=np.float32), tiles, random), name="SCI")
    primary = fits.PrimaryHDU()
    for header in (primary.header, image.header):
        header["SYNTHE"] = (True, "synthetic, made of real pixels: see HISTORY")
        header["FILTER"] = (_band(source.header), "filter of the real pixels")
        for line in HISTORY:
            header.add_history(line)
    image.header["BUNIT"] = "ELECTRONS/S"
    for keyword in COPIED:
        # values only: some of the comments are longer than a card
        image.header[keyword] = source.header[keyword]
    primary.header["FRAME"] = (number, "number of this frame")
    output = io.BytesIO()
    fits.HDUList([primary, image]).writeto(output)
    return output.getvalue()


def frames(cutout: bytes, count: int = FRAMES) -> Iterator[tuple[str, bytes]]:
    """Yield (key, content): `count` frames of 500 x 500 pixels in turn of each filter, then one of 2000 x 2000."""
    with fits.open(io.BytesIO(cutout)) as extensions:
        for number in range(count):
            yield f"{PREFIX}candels-mosaic-{number:03d}.fits", _frame(extensions[1 + number % 3], 5, number)
        yield LARGE_KEY, _frame(extensions[2], 20, count)
