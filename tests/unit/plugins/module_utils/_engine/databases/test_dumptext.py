# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both ends of a dump's text."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors, stream
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases import dumptext

POSTGRESQL_HEAD = b"""--
-- PostgreSQL database dump
--

\\restrict AbC123

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
SET row_security = off;

"""
MARIADB_HEAD = b"""/*M!999999\\- enable the sandbox mode */
-- MariaDB dump 10.19  Distrib 10.11.14-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: db    Database: shop
-- ------------------------------------------------------

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;

--
-- Table structure for table `a`
--

"""
HEADS = {"postgresql": POSTGRESQL_HEAD, "mariadb": MARIADB_HEAD}
FIRST_LINE = b"PostgreSQL database dump"
TRAILER = b"-- PostgreSQL database dump complete"


def text_of(head: bytes, tail: bytes = b"") -> stream.Text:
    return stream.Text(len(head + tail), head, tail)


@pytest.mark.parametrize("after", [b"\n--\n\n", b"\n--\n\n\\unrestrict AbC123\n\n"])
def test_a_whole_dump_has_its_first_line_and_its_trailer_whatever_follows_that(after: bytes) -> None:
    dumptext.check_ends(text_of(POSTGRESQL_HEAD, b"x" + TRAILER + after), "PostgreSQL", FIRST_LINE, TRAILER)


def test_a_dump_of_another_product_is_refused() -> None:
    with pytest.raises(errors.ValidationError, match="no dump of a PostgreSQL database"):
        dumptext.check_ends(text_of(MARIADB_HEAD, TRAILER), "PostgreSQL", FIRST_LINE, TRAILER)


def test_a_first_line_that_comes_late_is_data() -> None:
    with pytest.raises(errors.ValidationError, match="no dump of"):
        dumptext.check_ends(text_of(b"x" * 300 + POSTGRESQL_HEAD, TRAILER), "PostgreSQL", FIRST_LINE, TRAILER)


@pytest.mark.parametrize("tail", [b"", b"COPY a FROM stdin;\n1\n", TRAILER[:-1]])
def test_a_dump_without_its_trailer_is_not_complete(tail: bytes) -> None:
    with pytest.raises(errors.ValidationError, match="not complete"):
        dumptext.check_ends(text_of(POSTGRESQL_HEAD, tail), "PostgreSQL", FIRST_LINE, TRAILER)


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize(
    "statement",
    [
        b"CREATE DATABASE shop WITH TEMPLATE = template0;",
        b"create  database shop;",
        b"DROP DATABASE shop;",
        b"USE `shop`;",
        b"use shop;",
        b"\\connect shop",
        b"\\connect -reuse-previous=on \"dbname='a=b'\"",
        b"\\c shop",
    ],
)
def test_a_dump_that_names_its_own_database_is_refused(head: bytes, statement: bytes) -> None:
    with pytest.raises(errors.ValidationError, match="names its own database"):
        dumptext.refuse_foreign_target(text_of(head + statement + b"\n"))


def test_a_database_that_is_made_inside_of_a_versioned_comment_is_refused() -> None:
    """As mysqldump --databases writes it."""
    statement = (
        b"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET utf8mb4 */;\n\nUSE `shop`;"
    )
    with pytest.raises(errors.ValidationError, match="CREATE DATABASE"):
        dumptext.refuse_foreign_target(text_of(MARIADB_HEAD + statement))


@pytest.mark.parametrize(
    "statement",
    [
        b"/*!40000 DROP DATABASE IF EXISTS `shop`*/;",
        b"/*!50000 USE shop */;",
        b"/*! USE shop */;",
        b"/*M!100100 USE shop */;",
        b"/*!40101 SET NAMES utf8mb4 */;\n/*!50000 USE`shop` */;",
        b"# another comment\nUSE`shop`;",
        b"CREATE OR REPLACE DATABASE shop;",
    ],
)
def test_what_a_server_runs_of_a_comment_is_a_statement(statement: bytes) -> None:
    with pytest.raises(errors.ValidationError, match="names its own database"):
        dumptext.refuse_foreign_target(text_of(MARIADB_HEAD + statement + b"\n"))


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize(
    "statement",
    [
        b"CREATE TABLE public.a (note text DEFAULT 'CREATE DATABASE x');",
        b"DROP TABLE IF EXISTS `a`;",
        b"CREATE TABLE a (b int);\nINSERT INTO a VALUES (1);\nCREATE DATABASE in_a_row;\nUSE in_a_row;\n\\connect x\n",
        b"",
    ],
)
def test_an_ordinary_dump_passes_and_its_rows_are_not_looked_at(head: bytes, statement: bytes) -> None:
    dumptext.refuse_foreign_target(text_of(head + statement))


@pytest.mark.parametrize("comment", [b"-- CREATE DATABASE shop;\n", b"-- USE shop\n"])
def test_what_a_comment_says_is_no_statement(comment: bytes) -> None:
    dumptext.refuse_foreign_target(text_of(POSTGRESQL_HEAD + comment + b"CREATE TABLE a ();\n"))


def test_the_message_tells_the_statement_and_no_more_of_the_dump() -> None:
    with pytest.raises(errors.ValidationError) as caught:
        dumptext.refuse_foreign_target(text_of(b"USE `hidden name`;\n"))
    assert "(USE)" in caught.value.message
    assert "hidden" not in str(caught.value)


def test_the_parameters_that_a_dump_sets_at_its_beginning_are_known() -> None:
    found = dumptext.settings(text_of(POSTGRESQL_HEAD))
    assert found == ["statement_timeout", "client_encoding", "row_security"]


def test_what_a_row_of_data_says_sets_no_parameter() -> None:
    head = POSTGRESQL_HEAD + b"COPY public.a (note) FROM stdin;\nSET planted = 1;\n\\.\n"
    assert "planted" not in dumptext.settings(text_of(head))


def test_a_dump_that_sets_by_comments_alone_sets_no_parameter() -> None:
    assert dumptext.settings(text_of(MARIADB_HEAD)) == []
