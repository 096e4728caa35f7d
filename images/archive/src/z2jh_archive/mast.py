"""A stand-in for the part of MAST that astroquery asks: `python -m z2jh_archive.mast`.

It answers only about real data that the bucket holds, and says in each title that it is a sample. Synthetic frames
are no observations, so they are not listed. The shapes are those that astroquery.mast 0.4.11 reads; anything else is
refused in words.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from z2jh_archive import BUCKET, INDEX_KEY

Row = dict[str, Any]

# What MAST calls its columns, with the types astroquery turns into those of its tables.
OBSERVATION_COLUMNS = {
    "intentType": "string",
    "obs_collection": "string",
    "provenance_name": "string",
    "instrument_name": "string",
    "project": "string",
    "filters": "string",
    "wavelength_region": "string",
    "target_name": "string",
    "target_classification": "string",
    "obs_id": "string",
    "s_ra": "float",
    "s_dec": "float",
    "dataproduct_type": "string",
    "proposal_pi": "string",
    "calib_level": "int",
    "t_min": "float",
    "t_max": "float",
    "t_exptime": "float",
    "em_min": "float",
    "em_max": "float",
    "obs_title": "string",
    "t_obs_release": "float",
    "proposal_id": "string",
    "s_region": "string",
    "jpegURL": "string",
    "dataURL": "string",
    "dataRights": "string",
    "obsid": "string",
    "objID": "string",
    "distance": "float",
}
PRODUCT_COLUMNS = {
    "obsID": "string",
    "obs_collection": "string",
    "dataproduct_type": "string",
    "obs_id": "string",
    "description": "string",
    "type": "string",
    "dataURI": "string",
    "productType": "string",
    "productGroupDescription": "string",
    "productSubGroupDescription": "string",
    "productDocumentationURL": "string",
    "project": "string",
    "prvversion": "string",
    "proposal_id": "string",
    "productFilename": "string",
    "size": "int",
    "parent_obsid": "string",
    "dataRights": "string",
    "calib_level": "int",
    "filters": "string",
}
COLUMNS = {
    "Mast.Caom.Cone": OBSERVATION_COLUMNS,
    "Mast.Caom.Filtered": OBSERVATION_COLUMNS,
    "Mast.Caom.Filtered.Position": OBSERVATION_COLUMNS,
    "Mast.Caom.Products": PRODUCT_COLUMNS,
}
# Columns that hold several values in one string.
SEPARATED = ("filters", "obs_collection", "project", "target_classification", "wavelength_region")
# Columns that a product takes from its observation.
SHARED = ("obs_collection", "dataproduct_type", "obs_id", "project", "calib_level", "filters", "proposal_id")
PUBLIC = "PUBLIC"


class RefusedError(Exception):
    """A request this stand-in has no answer to; its text is for the person who asked."""


class Archive:
    """The observations and products that the bucket's index tells of."""

    def __init__(self, bucket: Path) -> None:
        """Read the index of the bucket in folder `bucket`."""
        index = json.loads((bucket / INDEX_KEY).read_text())
        self.bucket = bucket
        self.observations: list[Row] = []
        self.products: list[Row] = []
        self.keys: dict[str, str] = {}
        for entry in index["objects"]:
            if entry["synthetic"]:
                continue
            observation = {"intentType": "science", "dataRights": PUBLIC, **entry["observation"]}
            observation["objID"] = observation["obsid"]
            product = {name: observation[name] for name in SHARED if name in observation}
            product |= {
                "obsID": observation["obsid"],
                "parent_obsid": observation["obsid"],
                "type": "S",
                "productType": "SCIENCE",
                "productFilename": entry["key"].rpartition("/")[2],
                "size": entry["size"],
                "dataRights": PUBLIC,
                **entry["product"],
            }
            self.observations.append(observation)
            self.products.append(product)
            self.keys[product["dataURI"]] = entry["key"]


def separation(ra_a: float, dec_a: float, ra_b: float, dec_b: float) -> float:
    """Return the angle on the sky between two positions; all in degrees."""
    lat_a, lat_b = math.radians(dec_a), math.radians(dec_b)
    half = math.sin((lat_b - lat_a) / 2) ** 2
    half += math.cos(lat_a) * math.cos(lat_b) * math.sin(math.radians(ra_b - ra_a) / 2) ** 2
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(half))))


def _matches(row: Row, criterion: Row) -> bool:
    """Tell whether a row meets one filter: a range of numbers, or one of several texts, with % as wildcard."""
    wanted = str(criterion["paramName"]).lower()
    value = next((found for name, found in row.items() if name.lower() == wanted), None)
    values = criterion.get("values", [])
    ranges = [entry for entry in values if isinstance(entry, dict)]
    if ranges:
        return value is not None and any(float(entry["min"]) <= float(value) <= float(entry["max"]) for entry in ranges)
    separator = criterion.get("separator")
    # a column of several values is met by any one of them, and by the whole
    held = [] if value is None else [str(value).lower()]
    held += [part.strip() for text in held for part in text.split(separator or "\0")]
    if any(str(entry).lower() in held for entry in values):
        return True
    pattern = str(criterion.get("freeText", "")).lower().replace("%", "*")
    return bool(pattern) and any(fnmatch.fnmatchcase(text, pattern) for text in held)


def _near(rows: list[Row], ra: float, dec: float, radius: float) -> list[Row]:
    """Return the rows within the radius, each with its distance in arcseconds, nearest first."""
    found = [{**row, "distance": 3600 * separation(ra, dec, row["s_ra"], row["s_dec"])} for row in rows]
    return sorted((row for row in found if row["distance"] <= 3600 * radius), key=lambda row: float(row["distance"]))


def _filtered(archive: Archive, params: Row) -> list[Row]:
    """Answer Mast.Caom.Filtered and Mast.Caom.Filtered.Position."""
    rows = [row for row in archive.observations if all(_matches(row, entry) for entry in params.get("filters", []))]
    if "position" in params:
        ra, dec, radius = (float(part) for part in str(params["position"]).split(","))
        rows = _near(rows, ra, dec, radius)
    return rows


def _cone(archive: Archive, params: Row) -> list[Row]:
    """Answer Mast.Caom.Cone."""
    return _near(archive.observations, float(params["ra"]), float(params["dec"]), float(params["radius"]))


def _products(archive: Archive, params: Row) -> list[Row]:
    """Answer Mast.Caom.Products."""
    wanted = {part.strip() for part in str(params["obsid"]).split(",")}
    return [row for row in archive.products if row["obsID"] in wanted]


SERVICES: dict[str, Callable[[Archive, Row], list[Row]]] = {
    "Mast.Caom.Cone": _cone,
    "Mast.Caom.Filtered": _filtered,
    "Mast.Caom.Filtered.Position": _filtered,
    "Mast.Caom.Products": _products,
}


def answer(archive: Archive, query: Row) -> Row:
    """Return the whole answer to one query of the portal's interface."""
    service, params = query.get("service", ""), query.get("params", {})
    if not isinstance(service, str) or service not in SERVICES:
        raise RefusedError(f"This stand-in for MAST has no service {service!r}; it knows {', '.join(SERVICES)}.")
    if not isinstance(params, dict):
        raise RefusedError(f"The parameters of {service} are not a JSON object.")
    try:
        rows = SERVICES[service](archive, params)
    except (KeyError, TypeError, ValueError) as error:
        raise RefusedError(f"The parameters of {service} are not understood ({error}).") from error
    columns = COLUMNS[service]
    if str(params.get("columns", "*")).startswith("COUNT"):
        columns, rows = {"Column1": "int"}, [{"Column1": len(rows)}]
    paging = {"page": 1, "pageSize": max(1, len(rows)), "pagesFiltered": 1}
    return {
        "status": "COMPLETE",
        "msg": "",
        "data": [{name: row.get(name) for name in columns} for row in rows],
        "fields": [{"name": name, "type": kind} for name, kind in columns.items()],
        "paging": {**paging, "rows": len(rows), "rowsFiltered": len(rows), "rowsTotal": len(rows)},
    }


def columns_config(name: str) -> Row:
    """Return the description of a service's columns; empty, as MAST does, for an unknown one."""
    kinds = {"string": "char", "float": "double", "int": "int"}
    config: Row = {}
    for column, kind in COLUMNS.get(name, {}).items():
        config[column] = {"text": column, "vot.datatype": kinds[kind], "vot.description": column}
        if column in SEPARATED and kind == "string":
            config[column]["separator"] = ";"
    return config


def create_app(bucket: Path) -> Starlette:
    """Return the application that answers about the bucket in folder `bucket`."""
    archive = Archive(bucket)

    async def form(request: Request, field: str) -> str:
        return parse_qs((await request.body()).decode()).get(field, [""])[0]

    async def columnsconfig(request: Request) -> Response:
        return JSONResponse(columns_config(await form(request, "colConfigId")))

    async def invoke(request: Request) -> Response:
        try:
            query = json.loads(await form(request, "request"))
            if not isinstance(query, dict):
                raise RefusedError("The request is not a JSON object.")
            return JSONResponse(answer(archive, query))
        except json.JSONDecodeError:
            return JSONResponse({"status": "ERROR", "msg": "The request is not JSON."})
        except RefusedError as error:
            return JSONResponse({"status": "ERROR", "msg": str(error)})

    async def path_lookup(request: Request) -> Response:
        found = {uri: archive.keys.get(uri) for uri in request.query_params.getlist("uri")}
        return JSONResponse(
            {
                uri: {"status_code": 404 if key is None else 200, "path": None if key is None else f"/{key}"}
                for uri, key in found.items()
            }
        )

    async def download(request: Request) -> Response:
        key = archive.keys.get(request.query_params.get("uri", ""))
        if key is None:
            return PlainTextResponse("The stand-in for MAST has no such file.", status_code=404)
        return FileResponse(archive.bucket / key, media_type="application/fits")

    async def healthz(_: Request) -> Response:
        return PlainTextResponse(f"{len(archive.observations)} observations\n")

    return Starlette(
        routes=[
            Route("/portal/Mashup/Mashup.asmx/columnsconfig", columnsconfig, methods=["POST"]),
            Route("/api/v0/invoke", invoke, methods=["POST"]),
            Route("/api/v0.1/path_lookup/", path_lookup),
            Route("/api/v0.1/Download/file", download),
            Route("/healthz", healthz),
        ]
    )


def main() -> None:
    """Serve as the command line says, over TLS only."""
    parser = argparse.ArgumentParser(prog="z2jh_archive.mast", description="A stand-in for MAST's queries.")
    parser.add_argument("--archive", type=Path, default=Path("/archive"), help="the tree z2jh_archive.seed made")
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on (a pod: all)")
    parser.add_argument("--port", type=int, default=8443)
    parser.add_argument("--certificate", type=Path, default=Path("/tls/tls.crt"))
    parser.add_argument("--key", type=Path, default=Path("/tls/tls.key"))
    options = parser.parse_args()
    uvicorn.run(
        create_app(options.archive / "data" / BUCKET),
        host=options.host,
        port=options.port,
        ssl_certfile=options.certificate,
        ssl_keyfile=options.key,
        access_log=False,
        timeout_graceful_shutdown=5,
        server_header=False,
    )


if __name__ == "__main__":
    main()
