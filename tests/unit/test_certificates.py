"""Which certificates must be signed again."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from loading import load

plugin = load("plugins/filter/certificates.py")

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


def _given(folder: Path, *names: str, days: int = 90) -> tuple[str, str, ec.EllipticCurvePrivateKey]:
    """Write a certificate for names, signed by itself, and its key; return both paths and the key."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "given")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=100))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "given.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    _write_key(folder / "given.key", key, serialization.NoEncryption())
    return str(folder / "given.pem"), str(folder / "given.key"), key


def _write_key(
    path: Path, key: ec.EllipticCurvePrivateKey, encryption: serialization.KeySerializationEncryption
) -> None:
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))


@pytest.mark.parametrize("name", ["hub.example.org", "*.example.org", "HUB.example.org"])
def test_a_given_certificate_for_the_hub_passes(tmp_path: Path, name: str) -> None:
    certificate, key, _ = _given(tmp_path, name)
    assert plugin.certificate_findings(certificate, key, ["hub.example.org"], ca=certificate) == []


def test_a_given_certificate_has_to_serve_peoples_servers_too(tmp_path: Path) -> None:
    wanted = ["hub.example.org", "*.hub.example.org"]
    certificate, key, _ = _given(tmp_path, *wanted)
    assert plugin.certificate_findings(certificate, key, wanted, ca=certificate) == []
    certificate, key, _ = _given(tmp_path, "hub.example.org")
    assert plugin.certificate_findings(certificate, key, wanted, ca=certificate) == [
        f"hub_certificate {certificate} is for hub.example.org, not for *.hub.example.org, where people's servers are: "
        "have it signed for both, or set hub_user_domains to false (docs/security.md says what that gives up)."
    ]


def test_a_given_certificate_that_cannot_serve_is_refused(tmp_path: Path) -> None:
    certificate, key, private = _given(tmp_path, "www.example.org")

    def said(certificate: str, key: str, hostname: str = "www.example.org") -> str:
        [sentence] = plugin.certificate_findings(certificate, key, [hostname])
        return str(sentence)

    missing = f"{tmp_path}/none"
    path_of = "cannot be read: No such file or directory. It is the path of a file on this machine."
    assert said(missing, key) == f"hub_certificate {missing} {path_of}"
    assert said(certificate, missing) == f"hub_certificate_key {missing} {path_of}"
    assert said(key, key) == (
        f"hub_certificate {key} holds no certificate in PEM form for host names: give such a one."
    )
    no_key = "holds no private key in PEM form without a password: give such a one."
    assert said(certificate, certificate) == f"hub_certificate_key {certificate} {no_key}"
    other = tmp_path / "other.key"
    _write_key(other, private, serialization.BestAvailableEncryption(b"word"))
    assert said(certificate, str(other)) == f"hub_certificate_key {other} {no_key}"
    _write_key(other, ec.generate_private_key(ec.SECP256R1()), serialization.NoEncryption())
    assert said(certificate, str(other)) == (
        f"hub_certificate_key {other} is not the key of {certificate}: give the one it was made with."
    )
    assert said(certificate, key, "hub.example.org") == (
        f"hub_certificate {certificate} is for www.example.org, not for hub.example.org (hub_hostname)."
    )
    certificate, key, _ = _given(tmp_path, "www.example.org", days=-1)
    assert said(certificate, key).startswith(f"hub_certificate {certificate} ended on 20")


def test_a_given_certificate_of_a_ca_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    certificate, key, _ = _given(tmp_path, "hub.example.org")
    [sentence] = plugin.certificate_findings(certificate, key, ["hub.example.org"])
    assert sentence == (
        f"hub_certificate {certificate} is refused by this machine (self-signed certificate): add the certificates "
        "between it and its CA to the file, or name the CA of your own that signed it as hub_certificate_ca."
    )
    (tmp_path / "other").mkdir()
    other, _, _ = _given(tmp_path / "other", "hub.example.org")
    [sentence] = plugin.certificate_findings(certificate, key, ["hub.example.org"], ca=other)
    assert sentence.startswith(
        f"hub_certificate {certificate} is refused by who trusts {other} (self-signed certificate)"
    )
    for ca in (key, f"{tmp_path}/none"):
        assert plugin.certificate_findings(certificate, key, ["hub.example.org"], ca=ca) == [
            f"hub_certificate_ca {ca} cannot be read or holds no certificate in PEM form: give such a file."
        ]
