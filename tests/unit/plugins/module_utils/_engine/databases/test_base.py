# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all families share."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases import registry
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.base import (
    Server,
    is_companion,
    is_scratch,
    quoted,
)
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.values import Endpoint, Family, fingerprint
from ansible_collections.vya.backupdb.plugins.module_utils._engine.secrets import Login
from hypothesis import given
from hypothesis import strategies as st

FAMILIES: list[Family] = ["mysql", "postgresql"]
STAMP = "20260109020000"


def server(family: Family) -> Server:
    return registry.server_at(Endpoint(family, "db.example.org", 1234, Login("backup", "secret")))


def test_the_registry_knows_the_families_of_the_configuration() -> None:
    assert sorted(registry.FAMILIES) == FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
def test_a_server_of_each_family_is_made_without_a_connection(family: Family) -> None:
    assert server(family).endpoint.family == family


def test_an_endpoint_names_itself_by_its_address_or_its_socket_and_never_by_its_password() -> None:
    endpoint = server("mysql").endpoint
    assert str(endpoint) == "the mysql server at db.example.org:1234"
    assert str(Endpoint("mysql", "x", 1, endpoint.login, unix_socket="/run/s")) == "the mysql server at /run/s"
    assert "secret" not in repr(endpoint)


@pytest.mark.parametrize("family", FAMILIES)
@given(name=st.text(min_size=1, max_size=80))
def test_a_scratch_name_fits_the_server_and_keeps_its_ending(family: Family, name: str) -> None:
    one = server(family)
    scratch = one.scratch_name(name, "restore", STAMP)
    kept = scratch.removesuffix(f"__restore_{STAMP}")
    assert kept != scratch
    assert kept == name or name.startswith(kept.rpartition("~")[0])
    assert len(scratch.encode()) <= one.name_limit


def test_a_short_name_is_kept_whole_in_a_scratch_name() -> None:
    assert server("postgresql").scratch_name("shop", "before", STAMP) == f"shop__before_{STAMP}"


@pytest.mark.parametrize("family", FAMILIES)
@given(name=st.text(min_size=1, max_size=80))
def test_a_scratch_name_is_known_by_its_purpose_and_what_was_replaced_is_no_scratch(family: Family, name: str) -> None:
    for purpose, others in (("restore", "verify"), ("verify", "restore")):
        scratch = server(family).scratch_name(name, purpose, STAMP)
        assert is_scratch(scratch)
        assert is_scratch(scratch, purpose)
        assert not is_scratch(scratch, others)
        assert is_companion(scratch)
    previous = server(family).scratch_name(name, "before", STAMP)
    assert not is_scratch(previous)
    assert is_companion(previous)


@pytest.mark.parametrize("name", ["shop", f"__verify_{STAMP}", "shop__verify_2026", f"shop__verify_{STAMP}0", "verify"])
def test_other_names_are_those_of_databases(name: str) -> None:
    assert not is_scratch(name)
    assert not is_companion(name)


@given(name=st.text(max_size=20), mark=st.sampled_from('"`'))
def test_a_quoted_name_gives_the_name_back(name: str, mark: str) -> None:
    inside = quoted(name, mark)[1:-1]
    assert mark not in inside.replace(mark * 2, "")
    assert inside.replace(mark * 2, mark) == name


@given(name=st.text(min_size=1, max_size=70), other=st.text(min_size=1, max_size=70))
def test_a_scratch_database_is_known_as_that_of_its_own_target_alone(name: str, other: str) -> None:
    for family in ("postgresql", "mysql"):
        scratch = server(family).scratch_name(name, "restore", STAMP)
        assert server(family).is_scratch_of(scratch, name)
        assert server(family).is_scratch_of(scratch, other) == (name == other)
        assert not server(family).is_scratch_of(server(family).scratch_name(name, "before", STAMP), name)


@pytest.mark.parametrize(
    ("total", "expected"), [(0, "0000000000000000"), (255, "00000000000000ff"), (2**64 + 1, "0000000000000001")]
)
def test_a_fingerprint_has_the_name_of_its_kind_and_16_digits(total: int, expected: str) -> None:
    assert fingerprint(total) == f"sha256sum64:{expected}"


def test_a_server_without_unsigned_numbers_makes_the_same_fingerprint() -> None:
    assert fingerprint(-1) == fingerprint(2**64 - 1)
