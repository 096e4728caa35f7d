"""Which certificates must be signed again."""

from __future__ import annotations

import datetime
import importlib.util
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SOURCE = Path(__file__).parents[2] / "plugins/filter/certificates.py"
_spec = importlib.util.spec_from_file_location("certificates", SOURCE)
assert _spec is not None
assert _spec.loader is not None
plugin = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(plugin)

WANTED = {"name": "hub", "subject_alt_name": ["DNS:hub.z2jh.test"]}


def _sign(folder: Path, name: str, issuer: str, key: ec.EllipticCurvePrivateKey, days: int) -> None:
    """Write NAME.crt, issued by a CA of that name and key, and NAME.key."""
    own_key = key if name == "ca" else ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(own_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hub.z2jh.test")]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    certificate = builder.sign(key, hashes.SHA256())
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_text("a key")


@pytest.fixture
def ca_key(tmp_path: Path) -> ec.EllipticCurvePrivateKey:
    """Make a CA and a certificate of it that is good for a year."""
    key = ec.generate_private_key(ec.SECP256R1())
    _sign(tmp_path, "ca", "ca", key, 3650)
    _sign(tmp_path, "hub", "ca", key, 365)
    return key


@pytest.mark.usefixtures("ca_key")
def test_good_certificate_stays(tmp_path: Path) -> None:
    assert plugin.certificates_to_sign([WANTED], str(tmp_path)) == []


@pytest.mark.usefixtures("ca_key")
@pytest.mark.parametrize("missing", ["ca.crt", "hub.crt", "hub.key"])
def test_missing_file_means_sign(tmp_path: Path, missing: str) -> None:
    (tmp_path / missing).unlink()
    assert plugin.certificates_to_sign([WANTED], str(tmp_path)) == [WANTED]


@pytest.mark.usefixtures("ca_key")
def test_other_names_mean_sign(tmp_path: Path) -> None:
    other = WANTED | {"subject_alt_name": ["DNS:hub.z2jh.test", "IP:10.89.40.11"]}
    assert plugin.certificates_to_sign([other], str(tmp_path)) == [other]


def test_certificate_that_ends_soon_is_signed_again(tmp_path: Path, ca_key: ec.EllipticCurvePrivateKey) -> None:
    _sign(tmp_path, "hub", "ca", ca_key, 29)
    assert plugin.certificates_to_sign([WANTED], str(tmp_path)) == [WANTED]


@pytest.mark.usefixtures("ca_key")
def test_certificate_of_another_ca_is_signed_again(tmp_path: Path) -> None:
    _sign(tmp_path, "hub", "ca", ec.generate_private_key(ec.SECP256R1()), 365)
    assert plugin.certificates_to_sign([WANTED], str(tmp_path)) == [WANTED]


@pytest.mark.usefixtures("ca_key")
def test_certificate_for_another_use_is_signed_again(tmp_path: Path) -> None:
    client = WANTED | {"usage": "clientAuth"}
    assert plugin.certificates_to_sign([client], str(tmp_path)) == [client]
