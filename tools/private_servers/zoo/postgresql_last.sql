-- Copyright: Contributors to the vya.backupdb project
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- Odd names, grants, comments on everything, and what watches or follows the rest; the other scripts come first.

SET client_min_messages = warning;
SELECT
    current_setting('server_version_num')::integer >= 140000 AS since_14,
    current_setting('server_version_num')::integer >= 150000 AS since_15
\gset

-- A schema whose name needs quotes everywhere, with one of each inside.
CREATE SCHEMA U&"odd ""schema"".with/dots; -- $1 %s \+01F3AA" AUTHORIZATION zoo_owner;
SET search_path = U&"odd ""schema"".with/dots; -- $1 %s \+01F3AA";
CREATE TYPE "a type" AS ENUM ('x.y', E'line\nbreak');
CREATE SEQUENCE "a ""sequence""" START 7;
CREATE TABLE U&"line\000Abreak" (
    id integer DEFAULT nextval('"a ""sequence"""'), U&"tab\0009and 'quote'" "a type" DEFAULT E'line\nbreak', "$1" text
);
INSERT INTO U&"line\000Abreak" ("$1") VALUES ('one'), (NULL);
CREATE TABLE "*" (a integer);
INSERT INTO "*" VALUES (1);
CREATE TABLE "?" (a integer);
INSERT INTO "?" VALUES (2);
CREATE TABLE "-t" ("--" integer PRIMARY KEY);
INSERT INTO "-t" VALUES (3);
CREATE TABLE "UPPER" (a integer);
CREATE TABLE "upper" (a integer REFERENCES "-t");
INSERT INTO "upper" VALUES (3);
\if :since_14
CREATE FUNCTION "f()"(a "a type") RETURNS integer LANGUAGE sql RETURN 1;
\else
CREATE FUNCTION "f()"(a "a type") RETURNS integer LANGUAGE sql AS 'SELECT 1';
\endif
CREATE VIEW "a view; DROP TABLE x" AS SELECT "f()"('x.y'), a FROM "?";
GRANT SELECT ON "?" TO PUBLIC;
RESET search_path;

SET search_path = shop, extensions;

-- Row security for which not even the owner is an exception, and policies of each command.
CREATE POLICY only_new ON booking FOR INSERT TO PUBLIC WITH CHECK (room > 1);
CREATE POLICY own_change ON booking FOR UPDATE TO zoo_app USING (room = 2) WITH CHECK (room = 2);
ALTER TABLE audit ENABLE ROW LEVEL SECURITY;

-- Grants on everything that can be granted, also by one who was granted.
GRANT ALL ON SCHEMA "My Schema" TO zoo_owner WITH GRANT OPTION;
GRANT USAGE ON TYPE mood TO zoo_app;
REVOKE USAGE ON DOMAIN positive FROM PUBLIC;
GRANT TRUNCATE, REFERENCES, TRIGGER ON tied TO zoo_app;
REVOKE DELETE ON tied FROM zoo_owner;
GRANT INSERT (id), REFERENCES (a) ON tied TO PUBLIC;
GRANT SELECT ON stored_names, far_away TO zoo_app;
GRANT UPDATE ON SEQUENCE downwards TO zoo_reader WITH GRANT OPTION;
GRANT USAGE ON FOREIGN DATA WRAPPER without_handler TO zoo_owner;
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_sleep(double precision) FROM PUBLIC;
SELECT lo_from_bytea(500004, '\x01');
ALTER LARGE OBJECT 500004 OWNER TO zoo_reader;
REVOKE ALL ON LARGE OBJECT 500004 FROM zoo_reader;
GRANT SELECT, UPDATE ON LARGE OBJECT 500004 TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_reader IN SCHEMA "My Schema" GRANT USAGE ON SEQUENCES TO zoo_app WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_reader REVOKE USAGE ON TYPES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE zoo_reader GRANT USAGE, CREATE ON SCHEMAS TO zoo_app;
ALTER DEFAULT PRIVILEGES GRANT SELECT, UPDATE ON TABLES TO zoo_reader;

-- Publications.
CREATE PUBLICATION all_tables FOR ALL TABLES WITH (publish = 'insert, truncate', publish_via_partition_root);
\if :since_15
CREATE PUBLICATION of_schemas FOR TABLES IN SCHEMA "My Schema", TABLE shop."My Table" WITH (publish = 'insert');
CREATE PUBLICATION of_rows FOR TABLE shop.customer (id, name) WHERE (id > 10 AND name <> 'x') WITH (publish = 'insert');
ALTER PUBLICATION of_rows OWNER TO zoo_owner;
\endif

-- Comments on everything that has none yet.
COMMENT ON ACCESS METHOD own_heap IS 'comment';
COMMENT ON AGGREGATE running(integer) IS 'comment';
COMMENT ON CAST (integer AS mood) IS 'comment';
COMMENT ON COLLATION telephone IS 'comment';
COMMENT ON COLUMN customer_names.name IS 'of a view';
COMMENT ON COLUMN address.street IS 'of a type';
COMMENT ON CONSTRAINT tied_pair ON tied IS 'comment';
\if :since_14
-- An old pg_dump (seen with 13.16) writes this comment before the constraint, which is not valid yet.
COMMENT ON CONSTRAINT "not big" ON DOMAIN positive IS 'comment';
\endif
COMMENT ON CONVERSION own_conversion IS 'comment';
COMMENT ON DOMAIN positive IS 'comment';
COMMENT ON FOREIGN DATA WRAPPER without_handler IS 'comment';
COMMENT ON INDEX customer_hash IS 'comment';
COMMENT ON LANGUAGE own_language IS 'comment';
COMMENT ON MATERIALIZED VIEW stored_names IS 'comment';
COMMENT ON OPERATOR ~~~ (integer, integer) IS 'comment';
COMMENT ON OPERATOR CLASS own_class USING btree IS 'comment';
COMMENT ON OPERATOR FAMILY own_family USING btree IS 'comment';
COMMENT ON POLICY own_room ON booking IS 'comment';
COMMENT ON PROCEDURE archive(date) IS 'comment';
COMMENT ON PUBLICATION all_tables IS 'comment';
COMMENT ON RULE also ON tied IS 'comment';
COMMENT ON SEQUENCE downwards IS 'comment';
COMMENT ON SERVER elsewhere IS 'comment';
COMMENT ON STATISTICS customer_pair IS 'comment';
COMMENT ON TEXT SEARCH CONFIGURATION own_search IS 'comment';
COMMENT ON TEXT SEARCH DICTIONARY own_words IS 'comment';
COMMENT ON TEXT SEARCH PARSER own_parser IS 'comment';
COMMENT ON TEXT SEARCH TEMPLATE own_template IS 'comment';
COMMENT ON TRIGGER always ON tied IS 'comment';
COMMENT ON VIEW writable IS 'comment';

-- Last, since they watch what others do.
CREATE TABLE shop.definitions (what text, by_whom name);
ALTER TABLE shop.definitions OWNER TO zoo_owner;
CREATE FUNCTION shop.note_definition() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
    $$ BEGIN INSERT INTO shop.definitions VALUES (TG_EVENT || ' ' || TG_TAG, session_user); END $$;
ALTER FUNCTION shop.note_definition() OWNER TO zoo_owner;
CREATE EVENT TRIGGER "note definitions" ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE') EXECUTE FUNCTION shop.note_definition();
ALTER EVENT TRIGGER "note definitions" ENABLE ALWAYS;
CREATE EVENT TRIGGER note_drops ON sql_drop EXECUTE FUNCTION shop.note_definition();
ALTER EVENT TRIGGER note_drops DISABLE;
COMMENT ON EVENT TRIGGER note_drops IS 'comment';
CREATE TABLE shop.noted_table ();
