"""The stand-in for MAST, asked by an unmodified astroquery over TLS."""

import datetime
import hashlib
import ipaddress
import json
import socket
import threading
import time

import astropy.units as u
import pytest
import requests
import uvicorn
from astropy.coordinates import SkyCoord
from astroquery.exceptions import InvalidQueryError, NoResultsWarning, RemoteServiceError
from astroquery.mast import ObservationsClass, utils
from astroquery.mast.discovery_portal import PortalAPI
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from z2jh_archive import INDEX_KEY, mast, sources

CANDELS, TESS = sources.SOURCES


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """The bucket's folder without an S3 server: the index and the two samples."""
    folder = tmp_path_factory.mktemp("bucket")
    index = []
    for source in sources.SOURCES:
        content = sources.read(source)
        path = folder / source.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        entry = {"key": source.key, "size": len(content), "synthetic": False}
        index.append({**entry, "observation": source.observation, "product": source.product})
    index.append({"key": "synthetic/frame.fits", "size": 1, "synthetic": True})
    (folder / INDEX_KEY).write_text(json.dumps({"objects": index}))
    return folder


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(names, critical=False)
    (folder / "tls.crt").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "tls.key").write_bytes(secret)
    return folder


@pytest.fixture(scope="module")
def url(bucket, certificate):
    config = uvicorn.Config(
        mast.create_app(bucket),
        log_level="warning",
        timeout_graceful_shutdown=1,
        ssl_certfile=certificate / "tls.crt",
        ssl_keyfile=certificate / "tls.key",
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.02)
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def observations(url, certificate, monkeypatch):
    """astroquery as users have it; only the name of the server is another, as DNS does in a cluster."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate / "tls.crt"))
    for name in ("MAST_REQUEST_URL", "COLUMNS_CONFIG_URL", "MAST_DOWNLOAD_URL"):
        monkeypatch.setattr(PortalAPI, name, getattr(PortalAPI, name).replace("https://mast.stsci.edu", url))
    get = requests.get
    monkeypatch.setattr(
        utils.requests, "get", lambda target, **rest: get(target.replace("https://mast.stsci.edu", url), **rest)
    )
    return ObservationsClass()


@pytest.mark.parametrize(
    "criteria",
    [
        {"obs_collection": "HST"},
        {"obs_collection": ["HST", "JWST"]},
        {"filters": "F814W"},
        {"filters": ["F814W", "F999W"], "obs_collection": "HST"},
        {"proposal_pi": "Fab*"},
        {"instrument_name": "acs/wfc"},
        {"s_dec": [62, 63], "calib_level": 4},
        {"obs_collection": "HST", "coordinates": "189.49206 62.20615", "radius": "1 arcsec"},
    ],
)
def test_criteria_find_the_hst_sample_alone(observations, criteria):
    table = observations.query_criteria(**criteria)
    assert list(table["obs_id"]) == ["sample_hst_candels_gn_30mas"]
    assert table["obs_title"][0].startswith("Sample cutout")
    assert table["s_ra"][0] == pytest.approx(189.49206)


@pytest.mark.parametrize(
    "criteria",
    [
        {"obs_collection": "JWST"},
        {"proposal_pi": "Nobody*"},
        {"obs_collection": "HST", "coordinates": "189.5 62.3", "radius": "1 arcsec"},
        {"obs_collection": "HST", "t_min": [50000, 60000]},
    ],
)
def test_what_the_bucket_does_not_hold_is_not_found(observations, criteria):
    with pytest.warns(NoResultsWarning):
        assert len(observations.query_criteria(**criteria)) == 0


def test_times_filter_the_tess_sample(observations):
    assert list(observations.query_criteria(t_min=[58324, 58325])["obs_collection"]) == ["TESS"]


def test_a_misspelt_column_is_named(observations):
    with pytest.raises(InvalidQueryError, match="proposal_pi"):
        observations.query_criteria(proposal_pie="Faber")


def test_region_query_and_distance(observations):
    near = SkyCoord(107.27 * u.deg, -70.0 * u.deg).directional_offset_by(90 * u.deg, 10 * u.arcsec)
    table = observations.query_region(near, radius=30 * u.arcsec)
    assert list(table["obs_collection"]) == ["TESS"]
    assert table["distance"][0] == pytest.approx(10, abs=0.01)


def test_counts(observations):
    assert observations.query_criteria_count(dataproduct_type=["image", "timeseries"]) == 2


def test_products_of_several_observations(observations):
    table = observations.get_product_list(observations.query_criteria(dataproduct_type=["image", "timeseries"]))
    assert sorted(table["size"]) == [167040, 766080]
    assert list(observations.filter_products(table, extension="fits", calib_level=[4])["obs_collection"]) == ["HST"]


def test_download_without_cloud(observations, tmp_path):
    products = observations.get_product_list(observations.query_criteria(obs_collection="HST"))
    manifest = observations.download_products(products, download_dir=str(tmp_path))
    assert list(manifest["Status"]) == ["COMPLETE"]
    with open(manifest["Local Path"][0], "rb") as stream:
        assert hashlib.file_digest(stream, "sha256").hexdigest() == CANDELS.sha256


def test_paths_of_more_files_than_one_question_holds(observations):
    names = [f"mast:HST/product/absent-{number}.fits" for number in range(60)]
    with pytest.warns(NoResultsWarning):
        paths = utils.mast_relative_path([*names, TESS.product["dataURI"]])
    assert paths == [None] * 60 + [TESS.key]


def test_metadata(observations):
    assert {"obs_title", "s_ra"} <= set(observations.get_metadata("observations")["Column Name"])


def test_an_unknown_service_is_refused_in_words(observations):
    with pytest.raises(RemoteServiceError, match=r"stand-in for MAST has no service 'Mast\.Caom\.Spectra'"):
        observations._portal_api_connection.service_request("Mast.Caom.Spectra", {})


@pytest.mark.parametrize("body", ["", "request=", "request=[]", "request={", "other=1", 'request={"service":["x"]}'])
def test_a_malformed_request_is_an_error_in_words(url, certificate, body):
    reply = requests.post(f"{url}/api/v0/invoke", data=body, verify=certificate / "tls.crt", timeout=10)
    assert reply.status_code == 200
    assert reply.json()["status"] == "ERROR"
    assert reply.json()["msg"]


@pytest.mark.parametrize("params", ["null", "[]", "{}", '{"obsid": 1}', '{"position": "a,b,c"}', '{"filters": 3}'])
@pytest.mark.parametrize("service", mast.SERVICES)
def test_malformed_parameters_never_break_the_server(url, certificate, service, params):
    body = {"request": f'{{"service": "{service}", "params": {params}}}'}
    reply = requests.post(f"{url}/api/v0/invoke", data=body, verify=certificate / "tls.crt", timeout=10)
    assert reply.status_code == 200
    assert reply.json()["status"] in ("COMPLETE", "ERROR")


@pytest.mark.parametrize("uri", ["", "../samples/index.json", "mast:HST/product/../../etc/passwd", INDEX_KEY])
def test_only_listed_files_are_served(url, certificate, uri):
    reply = requests.get(
        f"{url}/api/v0.1/Download/file", params={"uri": uri}, verify=certificate / "tls.crt", timeout=10
    )
    assert reply.status_code == 404


def test_health(url, certificate):
    reply = requests.get(f"{url}/healthz", verify=certificate / "tls.crt", timeout=10)
    assert reply.text == "2 observations\n"
