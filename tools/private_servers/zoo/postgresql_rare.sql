-- Copyright: Contributors to the vya.backupdb project
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- The kinds of things that few databases have; postgresql.sql comes first, postgresql_last.sql after it.

SET client_min_messages = warning;
SELECT
    current_setting('server_version_num')::integer >= 140000 AS since_14,
    current_setting('server_version_num')::integer >= 150000 AS since_15,
    current_setting('server_version_num')::integer < 180000 AS before_18,
    EXISTS (SELECT FROM pg_collation WHERE collname = 'de-x-icu') AS with_icu
\gset
\if :since_14
    \set lz4 'COMPRESSION lz4'
    \set pglz 'COMPRESSION pglz'
\else
    \set lz4 ''
    \set pglz ''
\endif
\if :since_15
    \set nulls_equal 'NULLS NOT DISTINCT'
    \set set_null 'SET NULL (a)'
    \set of_caller 'security_invoker, '
\else
    \set nulls_equal ''
    \set set_null 'SET NULL'
    \set of_caller ''
\endif

-- Extensions: rows and a sequence that are the user's own, grants on what belongs to an extension, foreign data.
CREATE EXTENSION zoo_settings SCHEMA extensions;
INSERT INTO extensions.zoo_setting (name) VALUES ('of the user'), (E'of the user, too\n\\.');
INSERT INTO extensions.zoo_choice VALUES (1, 'built in'), (2, NULL);
SELECT setval('extensions.zoo_setting_numbers', 40);
GRANT SELECT ON extensions.zoo_setting TO zoo_reader;
CREATE EXTENSION postgres_fdw SCHEMA extensions;
CREATE EXTENSION unaccent SCHEMA extensions;
COMMENT ON EXTENSION unaccent IS 'our own words';
CREATE FOREIGN DATA WRAPPER without_handler OPTIONS (debug 'it''s');
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1', dbname 'a=b ''c''');
ALTER SERVER elsewhere OWNER TO zoo_owner;
GRANT USAGE ON FOREIGN SERVER elsewhere TO zoo_app;
CREATE USER MAPPING FOR zoo_app SERVER elsewhere OPTIONS (user 'far "user"', password 'far away');
CREATE USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS (user 'anyone');
CREATE FOREIGN TABLE shop.far_away (id integer OPTIONS (column_name 'ID') NOT NULL, name text DEFAULT 'x')
    SERVER elsewhere OPTIONS (schema_name 'their schema', table_name 'their table');
COMMENT ON FOREIGN TABLE shop.far_away IS 'not here';

-- Languages, an access method, a text search from its parser up.
CREATE FUNCTION shop.own_handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION shop.own_inline(internal) RETURNS void LANGUAGE c STRICT AS '$libdir/plpgsql', 'plpgsql_inline_handler';
CREATE FUNCTION shop.own_validator(oid) RETURNS void LANGUAGE c STRICT AS '$libdir/plpgsql', 'plpgsql_validator';
CREATE TRUSTED LANGUAGE own_language HANDLER shop.own_handler INLINE shop.own_inline VALIDATOR shop.own_validator;
GRANT USAGE ON LANGUAGE own_language TO zoo_owner;
CREATE ACCESS METHOD own_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE TEXT SEARCH PARSER shop.own_parser (
    START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, HEADLINE = prsd_headline, LEXTYPES = prsd_lextype
);
CREATE TEXT SEARCH TEMPLATE shop.own_template (INIT = dsimple_init, LEXIZE = dsimple_lexize);

-- A type whose functions are the server's own, with operators, and its way into an index.
CREATE TYPE shop.own_number;
CREATE FUNCTION shop.own_in(cstring) RETURNS shop.own_number LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION shop.own_out(shop.own_number) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE shop.own_number (INPUT = shop.own_in, OUTPUT = shop.own_out, LIKE = integer);
CREATE FUNCTION shop.own_less(shop.own_number, shop.own_number) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4lt';
CREATE FUNCTION shop.own_equal(shop.own_number, shop.own_number) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4eq';
CREATE FUNCTION shop.own_greater(shop.own_number, shop.own_number) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4gt';
CREATE FUNCTION shop.own_compare(shop.own_number, shop.own_number) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'btint4cmp';
CREATE OPERATOR shop.< (FUNCTION = shop.own_less, LEFTARG = shop.own_number, RIGHTARG = shop.own_number, COMMUTATOR = OPERATOR(shop.>));
CREATE OPERATOR shop.> (FUNCTION = shop.own_greater, LEFTARG = shop.own_number, RIGHTARG = shop.own_number, COMMUTATOR = OPERATOR(shop.<));
CREATE OPERATOR shop.= (FUNCTION = shop.own_equal, LEFTARG = shop.own_number, RIGHTARG = shop.own_number, MERGES, RESTRICT = eqsel);
CREATE OPERATOR FAMILY shop.own_family USING btree;
CREATE OPERATOR CLASS shop.own_class DEFAULT FOR TYPE shop.own_number USING btree FAMILY shop.own_family AS
    OPERATOR 1 shop.<, OPERATOR 3 shop.=, OPERATOR 5 shop.>, FUNCTION 1 shop.own_compare(shop.own_number, shop.own_number);
CREATE CAST (shop.own_number AS integer) WITHOUT FUNCTION AS ASSIGNMENT;

SET SESSION AUTHORIZATION zoo_owner;
SET search_path = shop, extensions;

-- Routines, casts, aggregates, collations, text search.
CREATE FUNCTION feeling_of(integer) RETURNS mood LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN $1 > 0 THEN 'o''k' ELSE 'sad' END::shop.mood $$;
CREATE CAST (integer AS mood) WITH FUNCTION feeling_of(integer) AS ASSIGNMENT;
CREATE CAST (address AS text) WITH INOUT;
CREATE FUNCTION pair_of(INOUT first anyelement, second anyelement DEFAULT NULL, OUT third anyarray) LANGUAGE plpgsql COST 7 AS
    $$ BEGIN third := ARRAY[first, second]; END $$;
CREATE FUNCTION rows_of(n integer) RETURNS TABLE (id integer, "a name" text) LANGUAGE own_language ROWS 5 SET work_mem = '9MB' AS
    $$ BEGIN RETURN QUERY SELECT i, 'x' || i FROM generate_series(1, n) AS i; END $$;
CREATE PROCEDURE settle(IN amount numeric, INOUT rest numeric) LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN rest := rest - amount; END $$;
RESET SESSION AUTHORIZATION;
SET search_path = shop, extensions;
CREATE FUNCTION numbered() RETURNS bigint LANGUAGE internal WINDOW AS 'window_row_number';
ALTER FUNCTION numbered() OWNER TO zoo_owner;
\if :since_14
CREATE FUNCTION "of the reader"() RETURNS name LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT current_user; END;
\else
CREATE FUNCTION "of the reader"() RETURNS name LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user';
\endif
ALTER FUNCTION "of the reader"() OWNER TO zoo_reader;
GRANT EXECUTE ON FUNCTION "of the reader"() TO zoo_app;
CREATE AGGREGATE running(integer) (
    SFUNC = int4pl, STYPE = integer, INITCOND = '0', COMBINEFUNC = int4pl, PARALLEL = SAFE,
    MSFUNC = int4pl, MINVFUNC = int4mi, MSTYPE = integer, MINITCOND = '0', SORTOP = <
);
CREATE AGGREGATE middle(double precision ORDER BY anyelement) (
    SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA
);
\if :with_icu
CREATE COLLATION telephone (PROVIDER = icu, LOCALE = 'de-u-co-phonebk', DETERMINISTIC = false);
\else
CREATE COLLATION telephone (PROVIDER = libc, LOCALE = 'C.UTF-8');
\endif
CREATE COLLATION plain FROM "C";
CREATE CONVERSION own_conversion FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TEXT SEARCH DICTIONARY without_accents (TEMPLATE = unaccent, RULES = 'unaccent');
CREATE TEXT SEARCH DICTIONARY own_words (TEMPLATE = own_template, STOPWORDS = 'german');
CREATE TEXT SEARCH CONFIGURATION own_search (PARSER = own_parser);
ALTER TEXT SEARCH CONFIGURATION own_search ADD MAPPING FOR word, asciiword WITH without_accents, own_words, simple;
ALTER DOMAIN positive ADD CONSTRAINT "not big" CHECK (VALUE < 1000000) NOT VALID;
CREATE DOMAIN telephone_name AS varchar(40) COLLATE telephone DEFAULT 'it''s';
CREATE TYPE nothing AS ();
\if :since_14
CREATE TYPE text_range AS RANGE (SUBTYPE = text, COLLATION = "C", MULTIRANGE_TYPE_NAME = several_texts);
\else
CREATE TYPE text_range AS RANGE (SUBTYPE = text, COLLATION = "C");
\endif

-- Sequences and identities with values that are not the default.
CREATE SEQUENCE downwards AS smallint INCREMENT -3 MINVALUE -100 MAXVALUE -1 START -5 CACHE 2 CYCLE;
SELECT nextval('downwards');
\if :since_15
CREATE UNLOGGED SEQUENCE unlogged_numbers;
\endif
CREATE TABLE numbered_by (
    id bigint GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME own_identity INCREMENT 2 MINVALUE 3 MAXVALUE 99 CYCLE),
    other integer
);
CREATE SEQUENCE owned OWNED BY numbered_by.other;
ALTER TABLE numbered_by ALTER other SET DEFAULT nextval('owned') * 2;
INSERT INTO numbered_by DEFAULT VALUES;
SELECT setval('own_identity', 55, false);

-- Tables: of a type, like another, with a past, with many parents, of another access method.
CREATE TABLE addresses OF address (street WITH OPTIONS PRIMARY KEY, city DEFAULT 'Köln');
INSERT INTO addresses VALUES ('Straße 1');
CREATE TABLE parent_a (id integer NOT NULL, gone integer, a text DEFAULT 'a', CONSTRAINT a_is_set CHECK (a <> ''), CONSTRAINT only_here CHECK (id > 0) NO INHERIT);
CREATE TABLE parent_b (id integer, b text);
CREATE TABLE child (c text, a text DEFAULT 'of the child', PRIMARY KEY (id)) INHERITS (parent_a, parent_b);
CREATE TABLE grandchild (UNIQUE (c)) INHERITS (child);
ALTER TABLE parent_a DROP COLUMN gone;
INSERT INTO parent_a VALUES (1);
INSERT INTO child VALUES (-1, DEFAULT, 'b', 'c');
INSERT INTO grandchild VALUES (-2, 'x', 'y', 'z');
CREATE TABLE of_own_heap (id integer, t text) USING own_heap WITH (toast_tuple_target = 256, toast.autovacuum_enabled = false);
INSERT INTO of_own_heap VALUES (1, repeat('x', 5000));
CREATE TABLE stored (
    packed text :lz4,
    other text :pglz,
    bytes bytea,
    own own_number,
    collated text COLLATE telephone,
    place point
);
ALTER TABLE stored ALTER packed SET STORAGE MAIN, ALTER other SET (n_distinct = 5, n_distinct_inherited = -0.5);
INSERT INTO stored VALUES (
    repeat('packed ü ', 1000), repeat('other ', 1000), (SELECT string_agg(decode(lpad(to_hex(n), 2, '0'), 'hex'), '' ORDER BY n) FROM generate_series(0, 255) AS n),
    '42', 'Ärger', '(1,2)'
);
\if :since_14
ALTER TABLE stored ADD spans several_texts DEFAULT '{[a,b),[c,d]}', ADD ranges int4multirange DEFAULT '{[1,3),[5,)}';
\endif
\if :before_18
CREATE UNLOGGED TABLE unlogged_parts (id integer GENERATED ALWAYS AS IDENTITY, t text) PARTITION BY HASH (id);
\else
CREATE TABLE unlogged_parts (id integer GENERATED ALWAYS AS IDENTITY, t text) PARTITION BY HASH (id);
\endif
CREATE UNLOGGED TABLE unlogged_part PARTITION OF unlogged_parts FOR VALUES WITH (MODULUS 1, REMAINDER 0);
INSERT INTO unlogged_parts (t) VALUES ('in an unlogged part');

-- Partitions: three levels, columns in another order and with a past, a default, keys and triggers of their own.
CREATE TABLE sale (day date, region text, amount numeric DEFAULT 1, note text) PARTITION BY RANGE (day, region);
CREATE TABLE sale_old PARTITION OF sale FOR VALUES FROM (MINVALUE, MINVALUE) TO ('2026-01-01', MINVALUE);
CREATE TABLE sale_new PARTITION OF sale (amount DEFAULT 2, CHECK (amount > 0))
    FOR VALUES FROM ('2026-01-01', MINVALUE) TO ('2026-02-01', MAXVALUE) PARTITION BY LIST (lower(region));
CREATE TABLE sale_new_north PARTITION OF sale_new FOR VALUES IN ('north', NULL) PARTITION BY HASH (note);
CREATE TABLE sale_new_north_0 PARTITION OF sale_new_north FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE sale_new_north_1 PARTITION OF sale_new_north FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE sale_new_rest PARTITION OF sale_new DEFAULT;
CREATE TABLE sale_rest (note text, gone integer, amount numeric, region text, day date);
ALTER TABLE sale_rest DROP COLUMN gone;
ALTER TABLE sale ATTACH PARTITION sale_rest DEFAULT;
INSERT INTO sale SELECT date '2025-12-01' + n * 3, (ARRAY['north', 'South', NULL])[n % 3 + 1], n + 1, 'note ' || n FROM generate_series(0, 30) AS n
    WHERE n % 3 <> 2 OR n < 10;
CREATE INDEX sale_amount ON ONLY sale (amount);
CREATE INDEX sale_rest_amount ON sale_rest (amount);
ALTER INDEX sale_amount ATTACH PARTITION sale_rest_amount;
CREATE TRIGGER of_all_parts AFTER INSERT ON sale FOR EACH ROW WHEN (NEW.amount > 1000) EXECUTE FUNCTION note_change('an argument', 'it''s');
ALTER TABLE sale_old DISABLE TRIGGER of_all_parts;
CREATE TABLE of_event (day date, kind text, FOREIGN KEY (day, kind) REFERENCES event MATCH FULL ON DELETE SET NULL);
INSERT INTO of_event SELECT day, kind FROM event LIMIT 0;

-- Constraints, indexes, statistics.
CREATE TABLE tied (
    id integer CONSTRAINT tied_key PRIMARY KEY DEFERRABLE,
    a integer UNIQUE :nulls_equal,
    b integer,
    owner_id integer,
    CONSTRAINT tied_pair UNIQUE (a, b) INCLUDE (owner_id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT tied_space EXCLUDE USING gist (int4range(a, b) WITH &&) WHERE (a < b),
    CONSTRAINT tied_self FOREIGN KEY (a) REFERENCES tied (a) ON DELETE :set_null ON UPDATE CASCADE
);
INSERT INTO tied VALUES (1, 1, 2), (2, 2, 3), (3, NULL, NULL);
ALTER TABLE tied ADD CONSTRAINT tied_later FOREIGN KEY (owner_id) REFERENCES tied (a) NOT VALID;
CREATE UNIQUE INDEX customer_replica ON customer (id);
ALTER TABLE customer REPLICA IDENTITY USING INDEX customer_replica;
ALTER TABLE "2024_01_x" REPLICA IDENTITY NOTHING;
CREATE INDEX customer_hash ON customer USING hash (name);
CREATE INDEX customer_brin ON customer USING brin (id) WITH (pages_per_range = 7);
CREATE INDEX stored_place ON stored USING spgist (place);
CREATE INDEX stored_own ON stored (own own_class, collated COLLATE "C" text_pattern_ops, (length(packed) + 1) DESC);
ALTER INDEX stored_own ALTER COLUMN 3 SET STATISTICS 70;
\if :since_14
CREATE STATISTICS customer_expressions (mcv) ON lower(name), born FROM customer;
\else
CREATE STATISTICS customer_expressions (mcv) ON name, born FROM customer;
\endif
ALTER STATISTICS customer_expressions SET STATISTICS 33;

-- Triggers and rules of every state.
CREATE VIEW writable AS SELECT id, a FROM tied;
CREATE TRIGGER instead INSTEAD OF DELETE ON writable FOR EACH ROW EXECUTE FUNCTION note_change();
CREATE CONSTRAINT TRIGGER at_the_end AFTER UPDATE ON tied DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.a IS DISTINCT FROM NEW.a) EXECUTE FUNCTION note_change();
CREATE TRIGGER always AFTER DELETE ON tied FOR EACH ROW EXECUTE FUNCTION note_change();
ALTER TABLE tied ENABLE ALWAYS TRIGGER always;
CREATE TRIGGER on_replicas BEFORE TRUNCATE ON tied EXECUTE FUNCTION note_change();
ALTER TABLE tied ENABLE REPLICA TRIGGER on_replicas;
CREATE RULE also AS ON UPDATE TO tied WHERE OLD.b > 100 DO ALSO (DELETE FROM audit WHERE id < 0; DELETE FROM audit WHERE id < -1);
CREATE RULE told AS ON DELETE TO tied DO ALSO NOTIFY tied_changed;
ALTER TABLE tied DISABLE RULE also;
CREATE RULE into_the_table AS ON INSERT TO writable DO INSTEAD INSERT INTO tied (id, a) VALUES (NEW.id, NEW.a) RETURNING id, a;

-- Views of every kind; what is stored depends on what is not, and the other way round.
CREATE VIEW with_caller WITH (:of_caller check_option = cascaded) AS SELECT * FROM writable WHERE a > 0;
CREATE RECURSIVE VIEW countdown (n) AS VALUES (3) UNION ALL SELECT n - 1 FROM countdown WHERE n > 0;
CREATE MATERIALIZED VIEW stored_names WITH (fillfactor = 80) AS SELECT n.id, n.name, c.n FROM customer_names_long AS n CROSS JOIN countdown AS c ORDER BY 1, 3;
CREATE VIEW of_stored_names AS SELECT name, count(*) AS times FROM stored_names GROUP BY name;
CREATE MATERIALIZED VIEW stored_twice AS SELECT * FROM of_stored_names;
CREATE INDEX stored_twice_name ON stored_twice (name);
ALTER TABLE customer_names ALTER name SET DEFAULT 'of the view';
RESET SESSION AUTHORIZATION;
