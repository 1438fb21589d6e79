-- Copyright: Contributors to the vya.backupdb project
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- One of everything that a backup of MySQL or MariaDB has to bring back. The accounts zoo_owner, zoo_reader
-- and zoo_app exist already. Everything has a fixed value: two zoos have equal dumps.

SET NAMES utf8mb4;
SET SESSION sql_mode = 'ERROR_FOR_DIVISION_BY_ZERO';
SET SESSION time_zone = '+00:00';

-- Columns of every kind.
CREATE TABLE customer (
    id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'the "key", isn''t it',
    name varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT 'x''y' COMMENT 'Name 名前',
    latin varchar(50) CHARACTER SET latin1 COLLATE latin1_swedish_ci,
    name_length int GENERATED ALWAYS AS (char_length(name)) STORED,
    name_upper varchar(200) GENERATED ALWAYS AS (upper(latin)) VIRTUAL,
    hidden int INVISIBLE DEFAULT 7,
    feeling enum('sad', 'o''k', 'happy "very"', 'ü') DEFAULT 'o''k',
    flags set('a', 'b', 'c d'),
    details json,
    picture longblob,
    short_binary varbinary(16),
    switch_bits bit(12),
    amount decimal(30, 10),
    ratio double,
    big bigint unsigned,
    born date,
    seen timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    at datetime(6),
    duration time(3),
    long_text longtext,
    place point,
    KEY by_name (name(20), born DESC),
    FULLTEXT KEY words (long_text),
    CONSTRAINT name_is_set CHECK (name <> '')
) ENGINE=InnoDB AUTO_INCREMENT=10 DEFAULT CHARSET=utf8mb4 COMMENT='several\nlines; with ''quotes''';
INSERT INTO customer
    (name, latin, feeling, flags, details, picture, short_binary, switch_bits, amount, ratio, big, born, seen, at, duration,
     long_text, place, hidden)
VALUES
    ('Zoë 𝄞 日本語 🦊', 'Größe', 'ü', 'a,c d', '{"a": [1, null, "ü"], "b": {}}', x'00ff0a5c2700', x'00', b'101010',
     12345678901234.5678901234, 1e-300, 18446744073709551615, '1970-01-02', '2026-01-09 05:00:00', '9999-12-31 23:59:59.999999',
     '-838:59:58.999', repeat('long text ü ', 3000), ST_GeomFromText('POINT(1 2)'), 8),
    ('tab\t newline\n backslash\\ quote\' zero\0 ctrl-z\Z end', NULL, NULL, '', 'null', '', '', b'0', NULL, NULL, 0, '0000-00-00',
     NULL, '0000-00-00 00:00:00', '00:00:00', '', NULL, NULL),
    ('\\N', '', 'sad', NULL, NULL, NULL, NULL, NULL, 0, -0.5, NULL, '2024-02-00', NULL, NULL, NULL, NULL, NULL, 7);

-- Texts that look like commands.
CREATE TABLE trap (id int AUTO_INCREMENT PRIMARY KEY, line text);
INSERT INTO trap (line) VALUES
    ('CREATE DATABASE x;'), ('first\nUSE mysql;\nlast'), ('USE mysql;'), ('\n\\connect postgres\n'), ('\nDELIMITER $$\n'),
    ('-- Dump completed on 2026-01-09'), ('\n-- Dump completed\n'), ('DROP TABLE trap;'), ('/*!40000 DROP DATABASE x */;'),
    ('\\! id'), ('`a` "b" ''c'' %s %'), ('/*M!999999\\- enable the sandbox mode */'), (''), (NULL);
ALTER TABLE trap AUTO_INCREMENT = 5000;

-- Foreign keys, also in a circle.
CREATE TABLE orders (
    customer int unsigned NOT NULL,
    number int NOT NULL,
    first_item int,
    PRIMARY KEY (customer, number),
    CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customer (id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE item (
    id int PRIMARY KEY,
    customer int unsigned,
    number int,
    CONSTRAINT of_order FOREIGN KEY (customer, number) REFERENCES orders (customer, number) ON DELETE SET NULL
);
INSERT INTO orders VALUES (10, 1, NULL), (11, 2, NULL);
INSERT INTO item VALUES (100, 10, 1), (101, 10, 1);
UPDATE orders SET first_item = 100 WHERE customer = 10;
ALTER TABLE orders ADD CONSTRAINT of_item FOREIGN KEY (first_item) REFERENCES item (id);

-- Tables of odd kinds and names.
CREATE TABLE old_kind (id int PRIMARY KEY, t text, FULLTEXT KEY (t)) ENGINE=MyISAM CHECKSUM=1;
INSERT INTO old_kind VALUES (1, 'MyISAM'), (2, NULL);
CREATE TABLE no_key (a int, b text) ROW_FORMAT=COMPRESSED;
INSERT INTO no_key VALUES (2, 'two'), (1, 'one'), (1, 'one');
CREATE TABLE event_log (day date NOT NULL, kind int NOT NULL, value int, PRIMARY KEY (day, kind))
    PARTITION BY RANGE (YEAR(day)) SUBPARTITION BY HASH (kind) SUBPARTITIONS 2
    (PARTITION p2025 VALUES LESS THAN (2026), PARTITION later VALUES LESS THAN MAXVALUE);
INSERT INTO event_log VALUES ('2025-06-01', 1, 1), ('2025-12-31', 2, 2), ('2026-01-01', 1, 3), ('2031-01-01', 2, NULL);
CREATE TABLE `a``b` (`c``d` int, `select` text, `100%` text, `Ünï` text);
INSERT INTO `a``b` VALUES (1, 'a=b', '%s', 'é');
CREATE TABLE `a"b` (a int);
CREATE TABLE `My Table` (id int PRIMARY KEY, `My Column` varchar(20) DEFAULT 'a "b"');
INSERT INTO `My Table` (id) VALUES (1), (2);
CREATE TABLE `2024_01_x` (a int);
INSERT INTO `2024_01_x` VALUES (2024);
CREATE TABLE `a/b*c?` (a int);
CREATE TABLE `trap.customer` (a int);
CREATE TABLE `новый стол` (`столбец` text);
INSERT INTO `новый стол` VALUES ('строка');

-- Routines, triggers, events; some belong to another account, some were made under another sql_mode.
CREATE TABLE audit (id bigint AUTO_INCREMENT PRIMARY KEY, what varchar(100));
DELIMITER $$
CREATE DEFINER=`zoo_owner`@`%` FUNCTION doubled(value int) RETURNS int DETERMINISTIC NO SQL COMMENT 'twice; isn''t it'
BEGIN
    -- a comment that stays; with ; inside
    RETURN value * 2;
END$$
CREATE DEFINER=`zoo_owner`@`%` PROCEDURE `archive "it"`(IN before_day date, OUT removed int) SQL SECURITY INVOKER
BEGIN
    DECLARE EXIT HANDLER FOR SQLEXCEPTION ROLLBACK;
    DELETE FROM event_log WHERE day < before_day;
    SET removed = ROW_COUNT();
END$$
SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT'$$
CREATE FUNCTION "joined"(a text, b text) RETURNS text DETERMINISTIC RETURN a || 'ü' || b$$
SET SESSION sql_mode = 'ERROR_FOR_DIVISION_BY_ZERO'$$
CREATE DEFINER=`zoo_owner`@`%` TRIGGER noted AFTER INSERT ON trap FOR EACH ROW
BEGIN
    INSERT INTO audit (what) VALUES (concat('inserted ', NEW.id));
END$$
CREATE TRIGGER noted_too AFTER INSERT ON trap FOR EACH ROW FOLLOWS noted INSERT INTO audit (what) VALUES ('second')$$
CREATE TRIGGER `before "it"` BEFORE UPDATE ON `My Table` FOR EACH ROW SET NEW.`My Column` = upper(NEW.`My Column`)$$
CREATE DEFINER=`zoo_owner`@`%` EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 02:00:00' ON COMPLETION PRESERVE
    COMMENT 'never in a test' DO
BEGIN
    DELETE FROM audit WHERE id < 0;
END$$
CREATE EVENT once ON SCHEDULE AT '2035-01-01 00:00:00' DISABLE DO DELETE FROM audit WHERE id < 0$$
DELIMITER ;
INSERT INTO trap (line) VALUES ('noted');

-- Views upon views; the name of the first sorts after that of the second.
CREATE DEFINER=`zoo_owner`@`%` SQL SECURITY DEFINER VIEW names AS SELECT id, name FROM customer WHERE name <> '' WITH LOCAL CHECK OPTION;
CREATE ALGORITHM=TEMPTABLE SQL SECURITY INVOKER VIEW long_names AS SELECT id, upper(name) AS name FROM names WHERE char_length(name) > 3;
CREATE VIEW `a view "ü"` AS SELECT doubled(id) AS `two times` FROM long_names;
