-- Copyright: Contributors to the vya.backupdb project
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- What MariaDB has beyond MySQL; mysql.sql comes first.

SET NAMES utf8mb4;

CREATE SEQUENCE invoice_numbers START WITH 1000 MINVALUE 1 MAXVALUE 99999 INCREMENT BY 5 CACHE 3 CYCLE;
DO SETVAL(invoice_numbers, 1235);
CREATE SEQUENCE untouched;

CREATE TABLE aria_table (id int PRIMARY KEY, t text) ENGINE=Aria TRANSACTIONAL=1;
INSERT INTO aria_table VALUES (1, 'Aria'), (2, NULL);

CREATE TABLE versioned (id int PRIMARY KEY, price decimal(10, 2)) WITH SYSTEM VERSIONING;
INSERT INTO versioned VALUES (1, 9.99), (2, 19.99);

CREATE TABLE period (id int, starts date, ends date, PERIOD FOR validity (starts, ends), UNIQUE (id, validity WITHOUT OVERLAPS));
INSERT INTO period VALUES (1, '2026-01-01', '2026-02-01');

CREATE TABLE own_types (
    id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000001' PRIMARY KEY,
    address inet6,
    packed longtext COMPRESSED
);
INSERT INTO own_types VALUES ('11111111-2222-3333-4444-555555555555', '::1', repeat('x', 2000));
