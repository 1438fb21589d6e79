-- Copyright: Contributors to the vya.backupdb project
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- The kinds of things that few databases of MySQL or MariaDB have; mysql.sql comes first.

SET NAMES utf8mb4;
SET SESSION sql_mode = 'ERROR_FOR_DIVISION_BY_ZERO';
SET SESSION time_zone = '+00:00';

-- Numbers that are not the next ones: gaps, and a zero where a zero means the next number.
CREATE TABLE with_gaps (id smallint NOT NULL AUTO_INCREMENT PRIMARY KEY, t varchar(20));
INSERT INTO with_gaps VALUES (1, 'one'), (7, 'seven'), (30000, 'much later');
DELETE FROM with_gaps WHERE id = 30000;
CREATE TABLE with_zero (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, t varchar(20));
SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
INSERT INTO with_zero VALUES (0, 'zero'), (5, 'five'), (-1, 'below zero');
SET SESSION sql_mode = 'ERROR_FOR_DIVISION_BY_ZERO';

-- Bytes and character sets.
CREATE TABLE every_byte (
    id int PRIMARY KEY,
    bytes blob,
    fixed_bytes binary(8),
    bits bit(64),
    tiny tinyblob,
    medium mediumblob
);
INSERT INTO every_byte VALUES (1, x'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff', x'00ff', b'1000000000000000000000000000000000000000000000000000000000000001', x'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9', x'27225c0a0d001a');
CREATE TABLE of_latin1 (t varchar(300) CHARACTER SET latin1 COLLATE latin1_german2_ci, `größe` enum('ä', 'ß') CHARACTER SET latin1, KEY (t(10))) DEFAULT CHARSET=latin1 COLLATE=latin1_german2_ci COMMENT='Größe';
INSERT INTO of_latin1 VALUES (CONVERT(x'202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7ea0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff' USING latin1), 'ß'), ('Ärger', 'ä');
CREATE TABLE of_many_sets (
    wide varchar(20) CHARACTER SET utf16,
    fixed varchar(20) CHARACTER SET utf32 COLLATE utf32_bin,
    three_bytes varchar(20) CHARACTER SET utf8mb3,
    japanese varchar(20) CHARACTER SET sjis DEFAULT '表',
    russian text CHARACTER SET koi8r,
    four_bytes varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci,
    only_ascii char(20) CHARACTER SET ascii
) DEFAULT CHARSET=utf8mb4;
INSERT INTO of_many_sets VALUES ('𝄞 ü', '🦊', '日本', '表示ソ', 'Привет', '👩‍👩‍👧 é', 'x''\\');
CREATE TABLE `table "with" 'quotes' and spaces` (
    `a.b` int DEFAULT 5, `c"d` varchar(10) DEFAULT '"''\\', `e f` int INVISIBLE DEFAULT 3
) COMMENT='line one\nline two; ''quoted'' "twice" \\ -- no comment /* here */';
INSERT INTO `table "with" 'quotes' and spaces` (`a.b`, `e f`) VALUES (1, 2), (NULL, NULL);

-- Names that a program may take for each other.
CREATE TABLE naive (t varchar(10));
CREATE TABLE `naïve` (t varchar(10));
CREATE TABLE `NAIVE` (t varchar(10));
CREATE TABLE `nÀive` (t varchar(10));
INSERT INTO naive VALUES ('plain');
INSERT INTO `naïve` VALUES ('accent');
INSERT INTO `NAIVE` VALUES ('capital');
INSERT INTO `nÀive` VALUES ('both');

-- Columns: computed, by default of an expression, checked, far away in time.
CREATE TABLE computed (
    a int NOT NULL DEFAULT (1 + 1),
    b varchar(36) DEFAULT (concat('x', 'ü')),
    doubled int GENERATED ALWAYS AS (a * 2) VIRTUAL COMMENT 'virtual; isn''t stored',
    kept varchar(50) GENERATED ALWAYS AS (concat(a, '-', b)) STORED,
    late json,
    name_of varchar(30) GENERATED ALWAYS AS (json_unquote(json_extract(late, '$."a name"'))) VIRTUAL,
    at datetime(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
    long_ago year,
    hidden int INVISIBLE,
    UNIQUE KEY by_kept (kept),
    KEY by_doubled (doubled),
    CHECK (a > 0),
    CONSTRAINT `a "check"` CHECK (b <> 'it''s' OR a < 100)
);
INSERT INTO computed (a, b, late, at, long_ago, hidden) VALUES
    (1, 'it', '{"a name": "Zoë 𝄞", "n": 1.0}', '2026-01-09 02:00:00.123', 1901, NULL), (2, NULL, NULL, '0000-00-00 00:00:00', 0, 5);
CREATE TABLE nowhere (id int PRIMARY KEY, place geometry NOT NULL, line linestring, SPATIAL KEY (place));
INSERT INTO nowhere VALUES
    (1, ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))'), ST_GeomFromText('LINESTRING(0 0,1 1)')),
    (2, ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2))'), NULL);

-- Partitions and keys of each kind.
CREATE TABLE by_list (id int, region varchar(20)) PARTITION BY LIST COLUMNS (region)
    (PARTITION north VALUES IN ('north', 'it''s') COMMENT = 'a comment', PARTITION none VALUES IN (NULL));
INSERT INTO by_list VALUES (1, 'north'), (2, NULL), (3, 'it''s');
CREATE TABLE by_key (id int PRIMARY KEY, t text) PARTITION BY KEY (id) PARTITIONS 3;
INSERT INTO by_key VALUES (1, 'x'), (2, 'y');
CREATE TABLE by_range (day date, t varchar(10), KEY (day)) PARTITION BY RANGE COLUMNS (day, t)
    (PARTITION a VALUES LESS THAN ('2026-01-01', 'm'), PARTITION b VALUES LESS THAN (MAXVALUE, MAXVALUE));
INSERT INTO by_range VALUES ('2025-01-01', 'x'), ('2026-01-01', 'z'), (NULL, NULL);
CREATE TABLE tree (id int PRIMARY KEY, parent int, FOREIGN KEY (parent) REFERENCES tree (id) ON DELETE CASCADE);
INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2);

-- Routines, triggers and events: who defines them, with whose rights they work, in which mode they were written.
DELIMITER $$
CREATE DEFINER=`zoo_owner`@`%` PROCEDURE as_definer(INOUT n int, IN `a ``name``` varchar(10) CHARACTER SET latin1) READS SQL DATA SQL SECURITY DEFINER
BEGIN
    DECLARE done int DEFAULT 0;
    DECLARE c CURSOR FOR SELECT id FROM customer;
    DECLARE CONTINUE HANDLER FOR NOT FOUND SET done = 1;
    OPEN c;
    walk: LOOP FETCH c INTO n; IF done THEN LEAVE walk; END IF; END LOOP walk;
    CLOSE c; /* a comment; that $ stays */
END$$
CREATE DEFINER=`zoo_reader`@`%` FUNCTION as_caller() RETURNS varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT DETERMINISTIC CONTAINS SQL SQL SECURITY INVOKER
    RETURN current_user()$$
CREATE TRIGGER first_of_all BEFORE INSERT ON tree FOR EACH ROW SET NEW.parent = nullif(NEW.parent, NEW.id)$$
CREATE TRIGGER before_it BEFORE INSERT ON tree FOR EACH ROW PRECEDES first_of_all SET @seen = NEW.id$$
CREATE TRIGGER in_between BEFORE INSERT ON tree FOR EACH ROW FOLLOWS before_it SET @between = NEW.id$$
CREATE DEFINER=`zoo_reader`@`%` TRIGGER gone AFTER DELETE ON tree FOR EACH ROW
BEGIN
    IF OLD.id < 0 THEN INSERT INTO audit (what) VALUES ('delete; "quoted" ''twice'''); END IF;
END$$
SET SESSION time_zone = '+03:00'$$
SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES'$$
CREATE TRIGGER "in another mode" BEFORE UPDATE ON "tree" FOR EACH ROW SET NEW."parent" = coalesce(NEW.parent, length('\'))$$
CREATE DEFINER=`zoo_reader`@`%` EVENT "hourly 'event'" ON SCHEDULE EVERY '1:30' HOUR_MINUTE STARTS '2031-01-01 02:00:00' ENDS '2032-01-01 00:00:00'
    ON COMPLETION NOT PRESERVE DISABLE COMMENT 'a "comment"; ''x''' DO DELETE FROM "audit" WHERE "what" = '\n'$$
CREATE EVENT later_once ON SCHEDULE AT '2036-06-01 12:00:00' ON COMPLETION PRESERVE ENABLE DO DELETE FROM audit WHERE id < 0$$
SET SESSION sql_mode = 'ERROR_FOR_DIVISION_BY_ZERO'$$
SET SESSION time_zone = '+00:00'$$
DELIMITER ;

-- Views that check, that use each other, and whose definer is another.
CREATE ALGORITHM=MERGE DEFINER=`zoo_owner`@`%` SQL SECURITY DEFINER VIEW z_checked AS SELECT id, parent FROM tree WHERE id > 0 WITH CASCADED CHECK OPTION;
CREATE DEFINER=`zoo_reader`@`%` SQL SECURITY INVOKER VIEW a_of_z AS SELECT c.id, 'ü "x" ''y''' AS `a ``b``` FROM z_checked AS c JOIN names USING (id);
CREATE VIEW every_view AS SELECT id FROM a_of_z UNION ALL SELECT id FROM names UNION ALL SELECT `two times` FROM `a view "ü"`;
