-- Copyright: Contributors to the vya.backupdb project
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- Types and options that MariaDB has since 10.10; mariadb.sql comes first.

SET NAMES utf8mb4;

CREATE TABLE own_types (
    id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000001' PRIMARY KEY,
    address inet6,
    packed longtext COMPRESSED
);
INSERT INTO own_types VALUES ('11111111-2222-3333-4444-555555555555', '::1', repeat('x', 2000));

CREATE TABLE of_own_options (
    id int UNSIGNED ZEROFILL CHECK (id < 1000),
    old_address inet4 DEFAULT '10.0.0.1',
    new_address inet6 NOT NULL DEFAULT '::ffff:10.0.0.1',
    packed varchar(3000) COMPRESSED CHARACTER SET latin1,
    ignored int,
    long_unique text,
    at datetime DEFAULT current_timestamp(),
    KEY by_ignored (ignored) IGNORED,
    UNIQUE KEY (long_unique) USING HASH
) PAGE_COMPRESSED=1;
INSERT INTO of_own_options VALUES (7, '192.168.0.1', 'fe80::1', repeat('ü', 1000), 1, repeat('long ', 1000), '2026-01-09 02:00:00');
