-- Copyright: Contributors to the vya.backupdb project
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- None of the extensions that come with PostgreSQL has a configuration table.

CREATE SEQUENCE zoo_setting_numbers;
CREATE TABLE zoo_setting (
    number integer PRIMARY KEY DEFAULT nextval('@extschema@.zoo_setting_numbers'),
    name text NOT NULL,
    built_in boolean NOT NULL DEFAULT false
);
INSERT INTO zoo_setting (name, built_in) VALUES ('comes with the extension', true);
CREATE TABLE zoo_choice (setting integer REFERENCES zoo_setting, choice text);
CREATE TABLE zoo_constant (name text);
INSERT INTO zoo_constant VALUES ('never changes');
SELECT pg_catalog.pg_extension_config_dump('zoo_setting', 'WHERE NOT built_in');
SELECT pg_catalog.pg_extension_config_dump('zoo_choice', '');
SELECT pg_catalog.pg_extension_config_dump('zoo_setting_numbers', '');
