# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The round trip on real servers of other products and versions: backup, drop, restore, equal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.matrix.engine import back_up, put_back
from tools.private_servers.base import PrivateServer
from tools.private_servers.tls import Tls
from tools.private_servers.zoo.loader import load_zoo

pytestmark = [pytest.mark.matrix, pytest.mark.cell("round trip")]
NAMES = ("zoo", 'weird db-1 "ü"', "a=b")


@pytest.mark.parametrize("name", NAMES)
def test_a_dropped_database_comes_back_as_it_was(server: PrivateServer, store: Path, name: str) -> None:
    load_zoo(server, name)
    before = server.whole_dump(name, create=True)
    taken = back_up(server, store, databases=[name], fingerprint="content")
    assert taken.rc == 0, taken.stdout
    server.drop_database(name)
    restored = put_back(server, store, name)
    assert restored.rc == 0, restored.stdout
    assert restored.result["restore"]["comparison"]["schema_hash_equal"]
    assert restored.result["restore"]["comparison"]["fingerprints_compared"] > 10
    assert restored.result["restore"]["warnings"] == []
    assert server.whole_dump(name, create=True) == before
    server.drop_database(name)


def test_a_database_is_replaced_and_nothing_else_is_left(server: PrivateServer, store: Path) -> None:
    load_zoo(server, "replaced")
    before = server.whole_dump("replaced", create=True)
    assert back_up(server, store, databases=["replaced"]).rc == 0
    server.execute("CREATE TABLE later (id int)", "replaced")
    restored = put_back(server, store, "replaced", force=True)
    assert restored.rc == 0, restored.stdout
    assert server.whole_dump("replaced", create=True) == before
    assert server.databases() == ["replaced"]
    server.drop_database("replaced")


def test_a_wrong_password_is_a_credentials_error(server: PrivateServer, store: Path) -> None:
    refused = back_up(server, store, login_password="another")
    assert refused.rc != 0
    assert refused.result["error_code"] == "credentials_error"
    assert not list(store.rglob("*.gz"))


def test_a_verified_connection_serves_listing_dump_and_restore(encrypted: PrivateServer, tls: Tls, store: Path) -> None:
    verified = {"ssl_mode": "verify-full", "ca_cert": str(tls.ca_cert)}
    if encrypted.family == "postgresql":
        # Before version 15 its programs do not find an address in a certificate.
        verified["login_host"] = "localhost"
    load_zoo(encrypted, "verified")
    before = encrypted.whole_dump("verified", create=True)
    taken = back_up(encrypted, store, **verified)
    assert taken.rc == 0, taken.stdout
    encrypted.drop_database("verified")
    restored = put_back(encrypted, store, "verified", **verified)
    assert restored.rc == 0, restored.stdout
    assert encrypted.whole_dump("verified", create=True) == before
    encrypted.drop_database("verified")


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_server_without_tls_is_refused_where_tls_is_demanded(server: PrivateServer, store: Path, mode: str) -> None:
    refused = back_up(server, store, ssl_mode=mode)
    assert refused.rc != 0
    assert refused.result["error_code"] == "connection_error"


def test_a_certificate_of_another_authority_is_refused(encrypted: PrivateServer, tls: Tls, store: Path) -> None:
    refused = back_up(encrypted, store, ssl_mode="verify-ca", ca_cert=str(tls.other_ca_cert))
    assert refused.rc != 0
    assert refused.result["error_code"] == "connection_error"
