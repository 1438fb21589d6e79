# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements that make a database and give it what is its own."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.postgresql import creation
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.metadata import (
    DatabaseGrant,
    DatabaseProperties,
    DatabaseSetting,
)
from hypothesis import given
from hypothesis import strategies as st


class Session:
    """Stands for a server that takes every statement, or refuses some: what reaches it is the result here."""

    class Error(Exception):
        pgcode = "42704"

        class diag:  # noqa: N801
            message_primary = 'role "owner" does not exist'

    def __init__(self, refuses: str = "nothing") -> None:
        self.statements: list[str] = []
        self._refuses = refuses

    def cursor(self) -> Session:
        return self

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def execute(self, statement: str) -> None:
        if self._refuses in statement:
            raise self.Error
        self.statements.append(statement)


def properties(**fields: Any) -> DatabaseProperties:
    return DatabaseProperties(**{"encoding": "UTF8", "locale": "C.UTF-8", **fields})


def applied(**fields: Any) -> list[str]:
    session = Session()
    assert creation.apply(session, 'a"b', properties(**fields)) == []
    return session.statements


@given(text=st.text(st.characters(exclude_characters="\0")))
def test_a_literal_ends_where_it_should(text: str) -> None:
    quoted = creation.literal(text)
    inside = quoted.removeprefix("E")[1:-1]
    assert "'" not in inside.replace("''", "")
    if "\\" in text:
        assert quoted.startswith("E'")
        inside = inside.replace("\\\\", "\\")
    assert inside.replace("''", "'") == text


@pytest.mark.parametrize(
    ("fields", "major", "expected"),
    [
        ({}, 13, "ENCODING = 'UTF8' LC_COLLATE = 'C.UTF-8' LC_CTYPE = 'C.UTF-8'"),
        ({"character_type": "C"}, 15, "ENCODING = 'UTF8' LC_COLLATE = 'C.UTF-8' LC_CTYPE = 'C'"),
        (
            {"locale_provider": "icu", "icu_locale": "de", "icu_rules": "& a < b"},
            15,
            "ENCODING = 'UTF8' LC_COLLATE = 'C.UTF-8' LC_CTYPE = 'C.UTF-8' LOCALE_PROVIDER = 'icu' ICU_LOCALE = 'de'",
        ),
        (
            {"locale_provider": "icu", "icu_locale": "de", "icu_rules": "& a < b"},
            17,
            (
                "ENCODING = 'UTF8' LC_COLLATE = 'C.UTF-8' LC_CTYPE = 'C.UTF-8' LOCALE_PROVIDER = 'icu'"
                " ICU_LOCALE = 'de' ICU_RULES = '& a < b'"
            ),
        ),
        (
            {"locale_provider": "builtin", "icu_locale": "C.UTF-8"},
            17,
            (
                "ENCODING = 'UTF8' LC_COLLATE = 'C.UTF-8' LC_CTYPE = 'C.UTF-8' LOCALE_PROVIDER = 'builtin'"
                " BUILTIN_LOCALE = 'C.UTF-8'"
            ),
        ),
    ],
)
def test_a_database_is_made_with_its_encoding_and_locale(fields: dict[str, Any], major: int, expected: str) -> None:
    statement = creation.create_statement('a"b', properties(**fields), major)
    assert statement == f'CREATE DATABASE "a""b" TEMPLATE = template0 {expected}'


def test_nothing_of_its_own_needs_no_statement() -> None:
    assert applied() == []


def test_comment_limit_and_owner_are_given_back() -> None:
    assert applied(comment="it's mine", connection_limit=5, owner="the owner") == [
        "COMMENT ON DATABASE \"a\"\"b\" IS 'it''s mine'",
        'ALTER DATABASE "a""b" CONNECTION LIMIT 5',
        'ALTER DATABASE "a""b" OWNER TO "the owner"',
    ]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (DatabaseSetting(name="work_mem", value="8MB"), 'ALTER DATABASE "a""b" SET "work_mem" TO \'8MB\''),
        (
            DatabaseSetting(name="search_path", value='"$user", public, "a""b,c"'),
            'ALTER DATABASE "a""b" SET "search_path" TO \'$user\', \'public\', \'a"b,c\'',
        ),
        (DatabaseSetting(name="search_path", value=""), 'ALTER DATABASE "a""b" SET "search_path" TO \'\''),
        (
            DatabaseSetting(role="app", name="my.setting", value="x"),
            'ALTER ROLE "app" IN DATABASE "a""b" SET "my"."setting" TO \'x\'',
        ),
    ],
)
def test_a_setting_is_given_back_with_the_items_of_its_list_each_by_itself(
    setting: DatabaseSetting, expected: str
) -> None:
    assert applied(settings=[setting]) == [expected]


def test_grants_start_from_none_and_unknown_privileges_are_left_out() -> None:
    grants = [
        DatabaseGrant(grantor="o", grantee=None, privilege="CONNECT", grantable=False),
        DatabaseGrant(grantor="o", grantee="app", privilege="CREATE", grantable=True),
        DatabaseGrant(grantor="o", grantee="o", privilege="TEMPORARY", grantable=True),
        DatabaseGrant(grantor="o", grantee="app", privilege="SUPERPOWER; DROP", grantable=False),
    ]
    assert applied(owner="o", grants=grants)[1:] == [
        'REVOKE ALL ON DATABASE "a""b" FROM PUBLIC',
        'REVOKE ALL ON DATABASE "a""b" FROM "o"',
        'GRANT CONNECT ON DATABASE "a""b" TO PUBLIC',
        'GRANT CREATE ON DATABASE "a""b" TO "app" WITH GRANT OPTION',
        'GRANT TEMPORARY ON DATABASE "a""b" TO "o"',
    ]


def test_what_the_server_refuses_is_told_and_the_rest_is_done() -> None:
    session = Session(refuses="OWNER TO")
    refused = creation.apply(session, "shop", properties(owner="owner", comment="kept"))
    assert refused == ['the owner owner of the database shop could not be restored: role "owner" does not exist']
    assert session.statements == ["COMMENT ON DATABASE \"shop\" IS 'kept'"]
