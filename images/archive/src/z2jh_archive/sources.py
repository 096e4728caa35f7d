"""Real public data that comes inside the astroquery wheel, and how the archive presents it.

None of these files is an original archive product (they are cutouts), so none may take a key under hst/public or
tess/public. What a file's own header does not say (exposure times, dates) is left out rather than guessed.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from importlib import resources
from typing import Any


class SeedError(Exception):
    """A sample is missing from the installed packages, or is not the file it should be."""


@dataclass(frozen=True)
class Source:
    """One file inside a zip archive of the astroquery wheel, and what MAST's stand-in says about it."""

    container: str
    member: str
    sha256: str
    key: str
    observation: dict[str, Any]
    product: dict[str, Any]


SOURCES = (
    Source(
        container="astrocut_189.49206_62.20615_100x100px_f.zip",
        member="candels_gn_30mas_189.492060_62.206150_100.0pix-x-100.0pix_astrocut.fits",
        sha256="f4f81ad0c335a342a37b0754a07b9e7582d0682dc438fb80ed4ddd610cb0a310",
        key="samples/hst/candels/candels_gn_30mas_189.492060_62.206150_100.0pix-x-100.0pix_astrocut.fits",
        observation={
            "obsid": "1",
            "obs_id": "sample_hst_candels_gn_30mas",
            "obs_collection": "HST",
            "instrument_name": "ACS/WFC",
            "project": "CANDELS",
            "filters": "F606W;F814W;F850LP",
            "wavelength_region": "OPTICAL",
            "target_name": "GOODS-N SAMPLE CUTOUT",
            "obs_title": "Sample cutout, 100 x 100 pixels in three filters, of the CANDELS v1.0 mosaics of GOODS-N",
            "dataproduct_type": "image",
            "calib_level": 4,
            "proposal_id": "12445",
            "proposal_pi": "Faber",
            "s_ra": 189.49206,
            "s_dec": 62.20615,
            "s_region": "CIRCLE ICRS 189.49206 62.20615 0.000417",
        },
        product={
            "dataURI": "mast:HST/product/candels_gn_30mas_189.492060_62.206150_100.0pix-x-100.0pix_astrocut.fits",
            "description": "Sample cutout (astrocut), one image extension a filter",
            "productSubGroupDescription": "CUTOUT",
        },
    ),
    Source(
        container="astrocut_107.27_-70.0_5x5.zip",
        member="tess-s0001-4-3_107.27_-70.0_5x5_astrocut.fits",
        sha256="214cc98e4d1305be5449ccbad053e488b7b3411096b7f55423651d294290fd28",
        key="samples/tess/tess-s0001-4-3_107.27_-70.0_5x5_astrocut.fits",
        observation={
            "obsid": "2",
            "obs_id": "sample_tess_s0001_4_3",
            "obs_collection": "TESS",
            "instrument_name": "Photometer",
            "project": "TESS",
            "filters": "TESS",
            "wavelength_region": "OPTICAL",
            "target_name": "TESS SAMPLE CUTOUT",
            "obs_title": "Sample cutout (TESScut), 5 x 5 pixels of sector 1, camera 4, CCD 3, 1282 full-frame cadences",
            "dataproduct_type": "timeseries",
            "calib_level": 3,
            "s_ra": 107.27,
            "s_dec": -70.0,
            # BTJD 1325.3131 to 1353.1673 of the file's header
            "t_min": 58324.8131,
            "t_max": 58352.6673,
            "s_region": "CIRCLE ICRS 107.27 -70.0 0.02",
        },
        product={
            "dataURI": "mast:TESS/product/tess-s0001-4-3_107.27_-70.0_5x5_astrocut.fits",
            "description": "Sample cutout (TESScut), a target pixel file",
            "productSubGroupDescription": "CUTOUT",
        },
    ),
)


def read(source: Source) -> bytes:
    """Return the file's bytes out of the installed wheel; raise SeedError unless they are the expected ones."""
    container = resources.files("astroquery") / "mast" / "tests" / "data" / source.container
    try:
        with container.open("rb") as stream, zipfile.ZipFile(stream) as archive:
            content = archive.read(source.member)
    except (FileNotFoundError, KeyError) as error:
        raise SeedError(f"The installed astroquery has no {source.container} with {source.member} in it.") from error
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256:
        raise SeedError(f"{source.member} has sha256 {found}, expected {source.sha256}: another astroquery?")
    return content
