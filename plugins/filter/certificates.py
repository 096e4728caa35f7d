"""Which certificates must be signed, and whether a given one can serve; without a module for each file."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import ssl
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

DOCUMENTATION = """
name: certificates_to_sign
short_description: Certificates that are missing, for other names, of another CA, or end soon
version_added: "1.0"
author: z2jh
description:
  - Reads the certificates of a folder and returns the entries of the list that must be signed (again).
options:
  _input:
    description: Certificates, each with its name and subject_alt_name (DNS:name or IP:address).
    type: list
    elements: dict
    required: true
  folder:
    description: Folder with ca.crt, and NAME.crt and NAME.key of each certificate.
    type: str
    required: true
  days:
    description: A certificate with fewer days left than this is signed again.
    type: int
    default: 30
"""

USAGES = {"serverAuth": ExtendedKeyUsageOID.SERVER_AUTH, "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH}


def _names(certificate: x509.Certificate) -> set[str]:
    """Return the names a certificate is for, written as DNS:name or IP:address."""
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    dns = {f"DNS:{name}" for name in extension.get_values_for_type(x509.DNSName)}
    return dns | {f"IP:{address}" for address in extension.get_values_for_type(x509.IPAddress)}


def _wanted(names: Iterable[str]) -> set[str]:
    """Return the wanted names in the form of `_names`."""
    return {f"IP:{ipaddress.ip_address(name[3:])}" if name.startswith("IP:") else name for name in names}


def _current(wanted: Mapping[str, Any], folder: Path, ca: x509.Certificate, latest: datetime.datetime) -> bool:
    """Tell whether a certificate is there with its key, for the names and use, by this CA, and valid until `latest`."""
    try:
        certificate = x509.load_pem_x509_certificate((folder / f"{wanted['name']}.crt").read_bytes())
        certificate.verify_directly_issued_by(ca)
        names = _names(certificate)
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (OSError, ValueError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return (
        (folder / f"{wanted['name']}.key").exists()
        and names == _wanted(wanted["subject_alt_name"])
        and list(usage) == [USAGES[wanted.get("usage", "serverAuth")]]
        and certificate.not_valid_after_utc > latest
    )


def certificates_to_sign(
    certificates: Iterable[Mapping[str, Any]], folder: str, days: int = 30
) -> list[Mapping[str, Any]]:
    """Return the certificates of the list that must be signed: all of them when there is no usable CA."""
    latest = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    try:
        ca = x509.load_pem_x509_certificate(Path(folder, "ca.crt").read_bytes())
    except (OSError, ValueError):
        return list(certificates)
    return [wanted for wanted in certificates if not _current(wanted, Path(folder), ca, latest)]


def _refusal(certificate: str, key: str, hostname: str, asking: ssl.SSLContext) -> str:
    """Say why a client would refuse a server with this certificate: the two shake hands in memory."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(to_client, to_server, server_hostname=hostname)
    try:
        serving.load_cert_chain(certificate, key)
        server = serving.wrap_bio(to_server, to_client, server_side=True)
        for side in (client, server, client):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except ssl.SSLError as error:
        return error.reason
    return ""


def certificate_findings(certificate: str, key: str, hostnames: list[str], ca: str = "") -> list[str]:
    """Say why a certificate (with its chain, PEM) and its key cannot serve host names: one sentence, or none.

    The first of `hostnames` is the hub's, a further one the wildcard below it.
    `ca` is the file of the CA that signed it; if empty, it has to be one that this machine trusts.
    """
    try:
        first = x509.load_pem_x509_certificate(Path(certificate).read_bytes())
        names = {name.removeprefix("DNS:").lower() for name in _names(first)}
    except OSError as error:
        return [
            f"hub_certificate {certificate} cannot be read: {error.strerror}. It is the path of a file on this machine."
        ]
    except (ValueError, x509.ExtensionNotFound):
        return [f"hub_certificate {certificate} holds no certificate in PEM form for host names: give such a one."]
    try:
        private = serialization.load_pem_private_key(Path(key).read_bytes(), None)
    except OSError as error:
        return [
            f"hub_certificate_key {key} cannot be read: {error.strerror}. It is the path of a file on this machine."
        ]
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return [f"hub_certificate_key {key} holds no private key in PEM form without a password: give such a one."]
    if private.public_key() != first.public_key():
        return [f"hub_certificate_key {key} is not the key of {certificate}: give the one it was made with."]
    hostname, *below = hostnames
    if not names & {hostname, f"*.{hostname.partition('.')[2]}"}:
        return [f"hub_certificate {certificate} is for {', '.join(sorted(names))}, not for {hostname} (hub_hostname)."]
    if not names >= set(below):
        return [
            f"hub_certificate {certificate} is for {', '.join(sorted(names))}, not for {below[0]}, where people's "
            "servers are: have it signed for both, or set hub_user_domains to false (docs/security.md says what that "
            "gives up)."
        ]
    if first.not_valid_after_utc <= datetime.datetime.now(datetime.UTC):
        return [f"hub_certificate {certificate} ended on {first.not_valid_after_utc:%Y-%m-%d}: renew it."]
    try:
        asking = ssl.create_default_context(cafile=ca or None)
    except OSError:
        return [f"hub_certificate_ca {ca} cannot be read or holds no certificate in PEM form: give such a file."]
    refusal = _refusal(certificate, key, hostname, asking)
    if not refusal:
        return []
    asker = f"who trusts {ca}" if ca else "this machine"
    return [
        f"hub_certificate {certificate} is refused by {asker} ({refusal}): add the certificates between it and its CA "
        "to the file, or name the CA of your own that signed it as hub_certificate_ca."
    ]


class FilterModule:
    """Filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"certificate_findings": certificate_findings, "certificates_to_sign": certificates_to_sign}
