-- Copyright: Contributors to the vya.backupdb project
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- What MariaDB has beyond MySQL; mysql.sql comes first, and mariadb_newer.sql after it.

SET NAMES utf8mb4;

CREATE SEQUENCE invoice_numbers START WITH 1000 MINVALUE 1 MAXVALUE 99999 INCREMENT BY 5 CACHE 3 CYCLE;
DO SETVAL(invoice_numbers, 1235);
CREATE SEQUENCE untouched;

CREATE TABLE aria_table (id int PRIMARY KEY, t text) ENGINE=Aria TRANSACTIONAL=1;
INSERT INTO aria_table VALUES (1, 'Aria'), (2, NULL);

SET @@timestamp = 1767225600;
CREATE TABLE versioned (id int PRIMARY KEY, price decimal(10, 2)) WITH SYSTEM VERSIONING;
INSERT INTO versioned VALUES (1, 9.99), (2, 19.99);
SET @@timestamp = DEFAULT;

CREATE TABLE period (id int, starts date, ends date, PERIOD FOR validity (starts, ends), UNIQUE (id, validity WITHOUT OVERLAPS));
INSERT INTO period VALUES (1, '2026-01-01', '2026-02-01');

-- A sequence that counts down, one in another engine.
-- No column takes numbers from them: MariaDB writes the database's name into such a default, so no two zoos were equal.
CREATE SEQUENCE downwards START WITH -5 MINVALUE -100 MAXVALUE -1 INCREMENT BY -3 NOCACHE;
DO NEXTVAL(downwards);
CREATE SEQUENCE `odd "sequence"` ENGINE=Aria COMMENT='it''s';

-- Tables that know their past: it is as old for every zoo.
SET @@timestamp = 1767225600;
CREATE TABLE with_past (id int PRIMARY KEY, price decimal(10, 2), note text WITHOUT SYSTEM VERSIONING, hidden int INVISIBLE DEFAULT 1)
    WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME (PARTITION past HISTORY, PARTITION present CURRENT);
CREATE TABLE with_own_period (
    id int PRIMARY KEY,
    t text,
    valid_from timestamp(6) GENERATED ALWAYS AS ROW START,
    valid_to timestamp(6) GENERATED ALWAYS AS ROW END INVISIBLE,
    PERIOD FOR SYSTEM_TIME (valid_from, valid_to)
) WITH SYSTEM VERSIONING;
INSERT INTO with_own_period (id, t) VALUES (1, 'first'), (2, 'second');
INSERT INTO with_past (id, price, note) VALUES (1, 1.00, 'a'), (2, 2.00, 'b'), (3, 3.00, NULL);
SET @@timestamp = 1767312000.25;
UPDATE with_past SET price = price + 1 WHERE id < 3;
UPDATE with_own_period SET t = 'changed' WHERE id = 1;
SET @@timestamp = 1767398400;
UPDATE with_past SET price = price + 1 WHERE id = 1;
DELETE FROM with_past WHERE id = 3;
DELETE FROM with_own_period WHERE id = 2;

-- Both kinds of time at once.
CREATE TABLE of_two_times (id int, price int, starts date, ends date, PERIOD FOR price_is_valid (starts, ends)) WITH SYSTEM VERSIONING;
INSERT INTO of_two_times VALUES (1, 10, '2026-01-01', '2026-06-01');
SET @@timestamp = DEFAULT;

-- Engines of its own.
CREATE TABLE without_log (id int PRIMARY KEY, t varchar(10)) ENGINE=Aria TRANSACTIONAL=0 PAGE_CHECKSUM=0 ROW_FORMAT=DYNAMIC;
INSERT INTO without_log VALUES (1, 'x');
CREATE TABLE in_memory (id int, t varchar(10), PRIMARY KEY (id) USING BTREE) ENGINE=MEMORY;
CREATE TABLE both_old (id int, t varchar(10)) ENGINE=MRG_MyISAM UNION=(old_half_1, old_half_2) INSERT_METHOD=LAST;
CREATE TABLE old_half_1 (id int, t varchar(10)) ENGINE=MyISAM;
CREATE TABLE old_half_2 (id int, t varchar(10)) ENGINE=MyISAM;
INSERT INTO old_half_1 VALUES (1, 'first');
INSERT INTO old_half_2 VALUES (2, 'second');

-- Routines of its own: an aggregate, a package, a procedure in Oracle's language.
DELIMITER $$
CREATE DEFINER=`zoo_owner`@`%` AGGREGATE FUNCTION product(x int) RETURNS bigint DETERMINISTIC
BEGIN
    DECLARE result bigint DEFAULT 1;
    DECLARE CONTINUE HANDLER FOR NOT FOUND RETURN result;
    LOOP FETCH GROUP NEXT ROW; SET result = result * x; END LOOP;
END$$
CREATE EVENT of_the_source ON SCHEDULE EVERY 1 WEEK STARTS '2030-01-01 00:00:00' DISABLE ON SLAVE DO DO 1$$
SET SESSION sql_mode = ORACLE$$
CREATE OR REPLACE PACKAGE prices COMMENT 'it''s' AS
    FUNCTION twice(n INT) RETURN INT;
    PROCEDURE nothing();
END$$
CREATE OR REPLACE PACKAGE BODY prices AS
    factor INT := 2; -- a variable; of the package
    FUNCTION twice(n INT) RETURN INT AS BEGIN RETURN n * factor; END;
    PROCEDURE nothing() AS BEGIN NULL; END;
END$$
CREATE PROCEDURE in_oracle(n IN OUT INT) AS BEGIN n := n || 1; EXCEPTION WHEN OTHERS THEN NULL; END$$
SET SESSION sql_mode = DEFAULT$$
DELIMITER ;
CREATE VIEW of_the_past AS SELECT id, price FROM with_past FOR SYSTEM_TIME AS OF TIMESTAMP '2026-01-01 12:00:00';
CREATE VIEW of_sequence AS SELECT previous_or_none FROM (SELECT next_not_cached_value AS previous_or_none FROM invoice_numbers) AS s;
ALTER DATABASE COMMENT = 'a zoo; it isn''t a "farm"';
