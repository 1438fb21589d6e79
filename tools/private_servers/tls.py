# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private certificate authority for servers under test."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Tls:
    """PEM files: what a server shows, the authority that signed it, and one that signed nothing of it."""

    ca_cert: Path
    server_cert: Path
    server_key: Path
    other_ca_cert: Path


@dataclass(frozen=True)
class Authority:
    """A certificate authority held in memory."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def create_tls(folder: Path, host_names: Sequence[str] = ("localhost", "127.0.0.1")) -> Tls:
    """Given an existing folder, write a fresh authority, a server certificate for the host names or IP
    addresses, and an unrelated authority there. Return where they are.
    """
    tls = Tls(folder / "ca.pem", folder / "server.pem", folder / "server.key", folder / "other_ca.pem")
    authority = create_authority("backupdb test authority")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        describe(host_names[0], key.public_key(), issuer=authority.certificate.subject)
        .add_extension(x509.SubjectAlternativeName([general_name(name) for name in host_names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(authority.key, hashes.SHA256())
    )
    tls.ca_cert.write_bytes(pem(authority.certificate))
    tls.server_cert.write_bytes(pem(certificate))
    tls.server_key.touch(mode=0o600)
    tls.server_key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    tls.other_ca_cert.write_bytes(pem(create_authority("another authority").certificate))
    return tls


def create_authority(name: str) -> Authority:
    """Return a new self-signed authority of that common name."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        describe(name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def describe(
    name: str, public_key: ec.EllipticCurvePublicKey, issuer: x509.Name | None = None
) -> x509.CertificateBuilder:
    """Return the unsigned certificate of a common name, valid from yesterday for 30 days."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(yesterday)
        .not_valid_after(yesterday + datetime.timedelta(days=31))
    )


def general_name(name: str) -> x509.GeneralName:
    """Return a host name or an IP address as a certificate names it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate as PEM text."""
    return certificate.public_bytes(serialization.Encoding.PEM)
