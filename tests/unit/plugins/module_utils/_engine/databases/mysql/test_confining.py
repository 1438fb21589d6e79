# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dump's text is kept to the database that it is loaded into."""

from __future__ import annotations

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine import errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.databases.mysql import confining
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.blocks import in_blocks

TARGET = "shop__restore_20260109020000"
FOREIGN = {
    b"USE `shop`;": "USE",
    b"use shop ;": "USE",
    b"USE`shop`;": "USE",
    b"USE shop\r": "USE",
    b"/*!50000 USE `shop` */;": "USE",
    b"DELIMITER ;;\nUSE `shop` ;;": "USE",
    b"CREATE DATABASE `shop`;": "CREATE DATABASE",
    b"create or replace database shop;": "CREATE OR REPLACE DATABASE",
    b"/*!40000 DROP DATABASE IF EXISTS `shop`*/;": "DROP DATABASE",
    b"DROP SCHEMA shop;": "DROP SCHEMA",
    b"ALTER DATABASE `shop` COMMENT 'x';": "ALTER DATABASE",
    b"ALTER DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ;": "ALTER DATABASE",
    b"INSERT INTO `shop`.`a` VALUES (1);": "INSERT INTO",
    b"INSERT IGNORE INTO shop.a VALUES (1);": "INSERT IGNORE INTO",
    b"CREATE TABLE IF NOT EXISTS `shop`.`a` (": "CREATE TABLE IF NOT EXISTS",
    b"LOCK TABLES `shop` . `a` WRITE;": "LOCK TABLES",
}
BODY = b"""DELIMITER ;;
CREATE PROCEDURE `p`()
BEGIN
CREATE DATABASE `made`;
INSERT INTO `shop`.`a`
SELECT 1 FROM b
USE INDEX (c);
/* or
use it */
END ;;
DELIMITER ;
"""
HARMLESS = [
    b"INSERT INTO `a` VALUES ('; USE `shop`; INSERT INTO `shop`.`a`','\\nUSE `shop`;\\n',1.5);\n",
    b"INSERT INTO `use.shop` VALUES (1);\nLOCK TABLES `a.b` WRITE;\n",
    b"CREATE TABLE `a` (\n  `USE` int DEFAULT 1.5,\n  `shop`.`b` int\n);\n",
    b"INSERT INTO `%s`.`a` VALUES (1);\n" % TARGET.encode(),
    b"CREATE VIEW `v` AS SELECT 1\nFROM `other`.`t`\nUSE INDEX (a);\n",
    b"ALTER DATABASE COLLATE utf8mb4_bin;\nALTER DATABASE CHARACTER SET utf8mb4;\n",
    b"USED `shop`;\nUSE;\nDROP TABLE IF EXISTS `a`;\nCREATE DATABASES\n",
    BODY,
]
LONG = b"x" * 3000 + b" USE `shop`; DELIMITER ;;\n"
COLLATION = b"ALTER DATABASE `%s` CHARACTER SET latin1 COLLATE latin1_bin %s\n"


def confined(text: bytes, lengths: list[int]) -> bytes:
    return b"".join(confining.confined(in_blocks(text, lengths), TARGET))


LENGTHS = st.lists(st.integers(1, 3000), min_size=1)


@pytest.mark.parametrize("text", HARMLESS)
@given(lengths=LENGTHS)
def test_what_is_no_statement_of_another_database_passes_wherever_the_blocks_end(
    text: bytes, lengths: list[int]
) -> None:
    assert confined(text, lengths) == text


@given(text=st.lists(st.sampled_from([*HARMLESS, LONG])).map(b"".join), lengths=LENGTHS)
def test_long_lines_pass(text: bytes, lengths: list[int]) -> None:
    assert confined(text, lengths) == text


@pytest.mark.parametrize("statement", FOREIGN)
@given(before=st.sampled_from([b"", b"\n", b"x" * 3000 + b";\n", BODY]), lengths=LENGTHS)
def test_a_statement_of_another_database_is_refused_before_it_has_passed(
    statement: bytes, before: bytes, lengths: list[int]
) -> None:
    passed: list[bytes] = []
    with pytest.raises(errors.ValidationError) as caught:
        passed.extend(confining.confined(in_blocks(before + statement + b"\nx" * 10, lengths), TARGET))
    assert f"({FOREIGN[statement]})" in caught.value.message
    assert len(b"".join(passed)) < len(before + statement)


@pytest.mark.parametrize(("before", "end"), [(b"", b";"), (b"DELIMITER ;;\n", b";;")])
@given(lengths=LENGTHS)
def test_the_name_is_left_out_where_a_dump_program_sets_the_collation(
    before: bytes, end: bytes, lengths: list[int]
) -> None:
    text = before + COLLATION % (b"sh``op", end)
    out = confined(text, lengths)
    assert out.split() == text.replace(b"`sh``op`", b"").split()
    assert len(out) == len(text)


def test_what_looks_like_it_inside_of_a_body_stays() -> None:
    text = b"DELIMITER ;;\nCREATE PROCEDURE p() BEGIN\n" + COLLATION % (b"shop", b";") + b"END ;;\n"
    assert confined(text, [100]) == text
