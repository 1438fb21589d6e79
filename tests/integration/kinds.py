# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of things that a zoo must have, each with a condition on a catalogue that finds at least one of it."""

from __future__ import annotations

_RELATIONS = (
    "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname !~ '^pg_|^information_schema$'"
    " LEFT JOIN pg_index i ON i.indexrelid = c.oid"
)
_COLUMNS = f"{_RELATIONS} JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
_COMMENTS = "pg_description d WHERE d.classoid = '{}'::regclass AND d.objoid >= 16384"
_MEMBERS = f"{_RELATIONS} JOIN pg_depend m ON m.objid = c.oid AND m.deptype = 'e'"
_COMMENTED = (
    "pg_am", "pg_cast", "pg_class", "pg_collation", "pg_constraint", "pg_conversion", "pg_event_trigger",
    "pg_extension", "pg_foreign_data_wrapper", "pg_foreign_server", "pg_language", "pg_namespace", "pg_opclass",
    "pg_operator",
    "pg_opfamily", "pg_policy", "pg_proc", "pg_publication", "pg_rewrite", "pg_statistic_ext", "pg_trigger",
    "pg_ts_config", "pg_ts_dict", "pg_ts_parser", "pg_ts_template", "pg_type",
)  # fmt: skip
# Each is what follows FROM in a query that finds rows.
POSTGRESQL = {
    **{f"comment on a row of {catalogue}": _COMMENTS.format(catalogue) for catalogue in _COMMENTED},
    "comment on a column": _COMMENTS.format("pg_class") + " AND d.objsubid > 0",
    "large object of another owner, with grants": "pg_largeobject_metadata WHERE lomacl IS NOT NULL AND lomowner > 10",
    "large object without data": (
        "pg_largeobject_metadata m WHERE NOT EXISTS (SELECT 1 FROM pg_largeobject WHERE loid = m.oid)"
    ),
    "large object of many pages": "pg_largeobject WHERE pageno > 5",
    "comment on a large object": "pg_description WHERE classoid = 'pg_largeobject'::regclass",
    "sequence that is free and advanced": "pg_sequences WHERE sequencename = 'advanced' AND last_value = 77",
    "sequence that was never used": "pg_sequences WHERE sequencename = 'untouched' AND last_value IS NULL",
    "sequence whose value is not called": "shop.invoice_numbers WHERE NOT is_called AND last_value = 1235",
    "sequence that cycles downwards": (
        "pg_sequences WHERE cycle AND increment_by < 0 AND data_type = 'smallint'::regtype"
    ),
    "sequence owned by a column": (
        "pg_depend WHERE objid = 'shop.owned'::regclass AND refobjsubid > 0 AND deptype = 'a'"
    ),
    "sequence without log": f"{_RELATIONS} WHERE relkind = 'S' AND relpersistence = 'u'",
    "identity, always": f"{_COLUMNS} WHERE attidentity = 'a'",
    "identity, by default": f"{_COLUMNS} WHERE attidentity = 'd'",
    "identity whose value is not called": "shop.own_identity WHERE NOT is_called AND last_value = 55",
    "generated column": f"{_COLUMNS} WHERE attgenerated = 's'",
    "partitioned by range": "pg_partitioned_table WHERE partstrat = 'r'",
    "partitioned by list": "pg_partitioned_table WHERE partstrat = 'l'",
    "partitioned by hash": "pg_partitioned_table WHERE partstrat = 'h'",
    "partitioned by an expression": "pg_partitioned_table WHERE partexprs IS NOT NULL",
    "default partition": "pg_partitioned_table WHERE partdefid <> 0",
    "partition of a partition": f"{_RELATIONS} WHERE relispartition AND relkind = 'p'",
    "partition with columns in another order": (
        "pg_attribute WHERE attrelid = 'shop.sale_rest'::regclass AND attname = 'note' AND attnum = 1"
    ),
    "inheritance from two parents": "pg_inherits WHERE inhseqno = 2",
    "inherited column of its own": f"{_COLUMNS} WHERE attislocal AND attinhcount > 0",
    "constraint that is not inherited": "pg_constraint WHERE connoinherit AND contype = 'c'",
    "materialized view": "pg_matviews WHERE ispopulated",
    "materialized view without data": "pg_matviews WHERE NOT ispopulated",
    "view of a materialized view": "pg_views WHERE viewname = 'of_stored_names' AND definition LIKE '%stored_names%'",
    "materialized view of a view": (
        "pg_matviews WHERE matviewname = 'stored_twice' AND definition LIKE '%of_stored_names%'"
    ),
    "extension with configuration tables": "pg_extension WHERE extconfig IS NOT NULL",
    "own row in a configuration table": "extensions.zoo_setting WHERE NOT built_in",
    "advanced sequence of an extension": "pg_sequences WHERE sequencename = 'zoo_setting_numbers' AND last_value = 40",
    "grant on what belongs to an extension": f"{_MEMBERS} WHERE c.relacl IS NOT NULL",
    "event trigger, always": "pg_event_trigger WHERE evtenabled = 'A'",
    "event trigger, disabled": "pg_event_trigger WHERE evtenabled = 'D'",
    "event trigger whose function another defines": (
        "pg_event_trigger t JOIN pg_proc p ON p.oid = t.evtfoid WHERE p.prosecdef AND p.proowner <> t.evtowner"
    ),
    "row security": f"{_RELATIONS} WHERE relrowsecurity AND NOT relforcerowsecurity",
    "forced row security": f"{_RELATIONS} WHERE relforcerowsecurity",
    "policy that restricts": "pg_policy WHERE NOT polpermissive",
    "policy of each command": "(SELECT 1 FROM pg_policy WHERE polcmd <> '*' HAVING count(DISTINCT polcmd) = 3) AS p",
    "unlogged table with rows": (
        "shop.unlogged, (SELECT 1 FROM pg_class WHERE oid = 'shop.unlogged'::regclass AND relpersistence = 'u') AS u"
    ),
    "table without columns, with rows": (
        "shop.no_columns, (SELECT 1 FROM pg_class WHERE oid = 'shop.no_columns'::regclass AND relnatts = 0) AS u"
    ),
    "table of a type": f"{_RELATIONS} WHERE reloftype <> 0",
    "table of an access method": (
        f"{_RELATIONS} JOIN pg_am m ON m.oid = c.relam WHERE c.relkind = 'r' AND m.amname = 'own_heap'"
    ),
    "dropped column": f"{_COLUMNS} WHERE attisdropped",
    "column storage": f"{_COLUMNS} JOIN pg_type t ON t.oid = atttypid WHERE attstorage <> typstorage AND relkind = 'r'",
    "column compression": f"{_COLUMNS} WHERE attcompression = 'l'",
    "column options": f"{_COLUMNS} WHERE attoptions IS NOT NULL AND relkind = 'r'",
    "column statistics target": f"{_COLUMNS} WHERE attstattarget > 0",
    "column that collates": f"{_COLUMNS} JOIN pg_collation l ON l.oid = attcollation WHERE l.collname = 'telephone'",
    "table options": f"{_RELATIONS} WHERE 'fillfactor=70' = ANY (reloptions)",
    "domain with checks": "pg_constraint WHERE contypid <> 0",
    "constraint of a domain that is not valid": "pg_constraint WHERE contypid <> 0 AND NOT convalidated",
    "enum": "pg_enum WHERE enumlabel = 'o''k'",
    "composite type": f"{_RELATIONS} WHERE relkind = 'c'",
    "range type": "pg_range r JOIN pg_type t ON t.oid = r.rngtypid WHERE t.typname = 'price_range'",
    "range type with a collation": "pg_range WHERE rngcollation <> 0 AND rngtypid >= 16384",
    "base type": "pg_type WHERE typname = 'own_number' AND typtype = 'b'",
    "aggregate": "pg_aggregate WHERE aggfnoid::oid >= 16384 AND aggkind = 'n'",
    "aggregate of moving windows": "pg_aggregate WHERE aggfnoid::oid >= 16384 AND aggmtransfn <> 0",
    "aggregate of an ordered set": "pg_aggregate WHERE aggfnoid::oid >= 16384 AND aggkind = 'o'",
    "operator": "pg_operator WHERE oid >= 16384",
    "operator class": "pg_opclass WHERE opcname = 'own_class'",
    "cast by a function": "pg_cast WHERE oid >= 16384 AND castmethod = 'f' AND castcontext = 'a'",
    "cast by text": "pg_cast WHERE oid >= 16384 AND castmethod = 'i'",
    "cast without a function": "pg_cast WHERE oid >= 16384 AND castmethod = 'b'",
    "collation that is not deterministic": "pg_collation WHERE oid >= 16384 AND NOT collisdeterministic",
    "conversion": "pg_conversion WHERE oid >= 16384",
    "language": "pg_language WHERE lanname = 'own_language'",
    "text search configuration": (
        "pg_ts_config_map m JOIN pg_ts_config g ON g.oid = m.mapcfg WHERE g.cfgname = 'own_search'"
    ),
    "text search dictionary": "pg_ts_dict WHERE dictname = 'own_words'",
    "publication of tables": "pg_publication_rel WHERE prqual IS NULL",
    "publication of some rows and columns": "pg_publication_rel WHERE prqual IS NOT NULL AND prattrs IS NOT NULL",
    "publication of all tables": "pg_publication WHERE puballtables AND pubviaroot",
    "publication of a schema": "pg_publication_namespace",
    "rule": "pg_rules WHERE rulename = 'keep_audit'",
    "rule with a condition, disabled": "pg_rewrite WHERE ev_enabled = 'D'",
    "default privileges in a schema": "pg_default_acl WHERE defaclnamespace <> 0",
    **{
        f"default privileges on {name}": f"pg_default_acl WHERE defaclobjtype = '{letter}'"
        for name, letter in {"tables": "r", "sequences": "S", "functions": "f", "types": "T", "schemas": "n"}.items()
    },
    "statistics": "pg_statistic_ext WHERE stxname = 'customer_pair'",
    "statistics on expressions": "pg_statistic_ext WHERE stxexprs IS NOT NULL",
    "grant on a column": f"{_COLUMNS} WHERE attacl IS NOT NULL",
    "grant on a type": "pg_type WHERE typname = 'mood' AND typacl IS NOT NULL",
    "grant on a function of the system": "pg_proc WHERE oid < 16384 AND proname = 'pg_sleep' AND proacl IS NOT NULL",
    "function with the rights of another owner": "pg_proc WHERE prosecdef AND pg_get_userbyid(proowner) = 'zoo_reader'",
    "function whose body was parsed": "pg_proc WHERE prosqlbody IS NOT NULL AND oid >= 16384",
    "function with settings": "pg_proc WHERE proconfig IS NOT NULL AND oid >= 16384",
    "procedure": "pg_proc WHERE prokind = 'p' AND oid >= 16384",
    "window function": "pg_proc WHERE prokind = 'w' AND oid >= 16384",
    "trigger": "pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O'",
    "trigger, disabled": "pg_trigger WHERE NOT tgisinternal AND tgenabled = 'D'",
    "trigger, always": "pg_trigger WHERE NOT tgisinternal AND tgenabled = 'A'",
    "trigger on replicas": "pg_trigger WHERE NOT tgisinternal AND tgenabled = 'R'",
    "trigger of a partitioned table": "pg_trigger WHERE tgparentid <> 0 AND NOT tgisinternal",
    "trigger instead of a view's rows": "pg_trigger WHERE tgname = 'instead'",
    "trigger with transition tables": "pg_trigger WHERE tgoldtable IS NOT NULL",
    "constraint trigger, deferred": "pg_trigger WHERE NOT tgisinternal AND tgdeferrable AND tginitdeferred",
    "foreign data wrapper": "pg_foreign_data_wrapper WHERE fdwoptions IS NOT NULL",
    "foreign server": "pg_foreign_server WHERE srvacl IS NOT NULL",
    "user mapping": "pg_user_mapping WHERE umuser <> 0",
    "user mapping of everyone": "pg_user_mapping WHERE umuser = 0",
    "foreign table": "pg_foreign_table",
    "exclusion constraint": "pg_constraint WHERE contype = 'x'",
    "foreign key that is not valid": "pg_constraint WHERE contype = 'f' AND NOT convalidated",
    "check that is not valid": "pg_constraint WHERE contype = 'c' AND conrelid <> 0 AND NOT convalidated",
    "foreign keys in a circle": (
        "pg_constraint a JOIN pg_constraint b ON a.conrelid = b.confrelid AND a.confrelid = b.conrelid"
        " WHERE a.contype = 'f' AND b.contype = 'f' AND a.conrelid <> a.confrelid"
    ),
    "unique constraint, deferrable": "pg_constraint WHERE contype IN ('u', 'p') AND condeferrable",
    "index on an expression": "pg_index WHERE indexprs IS NOT NULL AND indrelid >= 16384",
    "index on some rows": "pg_index WHERE indpred IS NOT NULL AND indrelid >= 16384",
    "index that includes a column": "pg_index WHERE indnatts > indnkeyatts AND indrelid >= 16384",
    "index that is not valid": "pg_index WHERE NOT indisvalid",
    "clustered index": "pg_index WHERE indisclustered",
    "index that tells nulls apart no more": "pg_index WHERE indnullsnotdistinct",
    **{
        f"index of the kind {kind}": (
            f"{_RELATIONS} JOIN pg_am m ON m.oid = c.relam WHERE i.indrelid >= 16384 AND m.amname = '{kind}'"
        )
        for kind in ("btree", "hash", "gin", "gist", "spgist", "brin")
    },
    **{
        f"replica identity {letter}": f"{_RELATIONS} WHERE relkind = 'r' AND relreplident = '{letter}'"
        for letter in ("f", "i", "n")
    },
    "schema with odd characters": "pg_namespace WHERE nspname LIKE 'odd \"schema\".with/dots; --%'",
    "table with a line feed in its name": f"{_RELATIONS} WHERE relname = E'line\\nbreak'",
    "setting of the database": "pg_db_role_setting WHERE setrole = 0",
    "setting of a role in the database": "pg_db_role_setting WHERE setrole <> 0",
    "owner of the database": "pg_database WHERE datname = current_database() AND pg_get_userbyid(datdba) = 'zoo_owner'",
}

_TABLES = "information_schema.tables WHERE table_schema = database()"
_TABLE_COLUMNS = "information_schema.columns WHERE table_schema = database()"
_KEYS = "information_schema.statistics WHERE table_schema = database()"
_ROUTINES = "information_schema.routines WHERE routine_schema = database()"
_TRIGGERS = "information_schema.triggers WHERE trigger_schema = database()"
_EVENTS = "information_schema.events WHERE event_schema = database()"
_VIEWS = "information_schema.views WHERE table_schema = database()"
_PARTS = "information_schema.partitions WHERE table_schema = database()"
_REFERENCES = (
    "information_schema.key_column_usage WHERE table_schema = database() AND referenced_table_name IS NOT NULL"
)
# What MySQL has as well.
MYSQL = {
    **{f"table of {engine}": f"{_TABLES} AND engine = '{engine}'" for engine in ("InnoDB", "MyISAM")},
    "table with a comment of many lines and quotes": (
        f"{_TABLES} AND table_comment LIKE '%\n%\"%' AND table_comment LIKE '%''%'"
    ),
    "table name with quotes and spaces": f"{_TABLES} AND table_name LIKE '% \"%''%'",
    "table name with a backtick": f"{_TABLES} AND table_name LIKE '%`%'",
    "table of latin1": f"{_TABLES} AND table_collation LIKE 'latin1%'",
    "table that is compressed": f"{_TABLES} AND row_format = 'Compressed'",
    "next number after a gap": "(SELECT max(id) AS top FROM with_gaps) AS m WHERE top = 7",
    "number zero in an automatic column": "with_zero WHERE id = 0",
    **{
        f"column of {name}": f"{_TABLE_COLUMNS} AND character_set_name = '{name}'"
        for name in ("utf8mb4", "utf16", "utf32", "latin1", "sjis", "koi8r", "ascii")
    },
    **{
        f"column of the type {name}": f"{_TABLE_COLUMNS} AND data_type = '{name}'"
        for name in ("bit", "enum", "set", "longblob", "varbinary", "point", "geometry", "year", "time", "decimal")
    },
    "text of four bytes a character": "of_many_sets WHERE four_bytes LIKE '👩%'",
    "zero date": "customer WHERE born = 0",
    "date with a zero part": "customer WHERE CAST(born AS char) = '2024-02-00'",
    "every byte": "every_byte WHERE length(bytes) = 256 AND hex(bytes) LIKE '000102%FDFEFF'",
    "column that is computed when read": f"{_TABLE_COLUMNS} AND extra LIKE '%VIRTUAL GENERATED%'",
    "column that is computed and stored": f"{_TABLE_COLUMNS} AND extra LIKE '%STORED GENERATED%'",
    "column that is invisible": f"{_TABLE_COLUMNS} AND extra LIKE '%INVISIBLE%'",
    "column whose default is an expression": f"{_TABLE_COLUMNS} AND column_default LIKE 'concat(%'",
    "column that changes with its row": f"{_TABLE_COLUMNS} AND extra LIKE '%on update%'",
    "check": (
        "information_schema.check_constraints WHERE constraint_schema = database() AND constraint_name = 'a \"check\"'"
    ),
    "foreign keys in a circle": (
        "information_schema.referential_constraints a JOIN information_schema.referential_constraints b"
        " ON a.table_name = b.referenced_table_name AND a.referenced_table_name = b.table_name"
        " WHERE a.constraint_schema = database() AND b.constraint_schema = database()"
        " AND a.table_name <> b.table_name"
    ),
    "foreign key to the same table": f"{_REFERENCES} AND table_name = referenced_table_name",
    "foreign key of two columns": f"{_REFERENCES} AND ordinal_position = 2",
    **{
        f"partitions by {method.lower()}": f"{_PARTS} AND partition_method = '{method}'"
        for method in ("RANGE", "LIST COLUMNS", "RANGE COLUMNS", "KEY")
    },
    "partitions of partitions": f"{_PARTS} AND subpartition_method = 'HASH'",
    "index of words": f"{_KEYS} AND index_type = 'FULLTEXT'",
    "index of places": f"{_KEYS} AND index_type = 'SPATIAL'",
    "index of the beginnings of texts": f"{_KEYS} AND sub_part IS NOT NULL",
    "function": f"{_ROUTINES} AND routine_type = 'FUNCTION'",
    "procedure": f"{_ROUTINES} AND routine_type = 'PROCEDURE'",
    "routine with its definer's rights": f"{_ROUTINES} AND security_type = 'DEFINER' AND definer = 'zoo_owner@%'",
    "routine with its caller's rights": f"{_ROUTINES} AND security_type = 'INVOKER' AND definer = 'zoo_reader@%'",
    "routine of another mode": f"{_ROUTINES} AND sql_mode LIKE '%ANSI_QUOTES%'",
    "third trigger of a table and moment": f"{_TRIGGERS} AND action_order = 3",
    "trigger of another definer": f"{_TRIGGERS} AND definer = 'zoo_reader@%'",
    "trigger of another mode": f"{_TRIGGERS} AND sql_mode LIKE '%NO_BACKSLASH_ESCAPES%'",
    "event that recurs": f"{_EVENTS} AND event_type = 'RECURRING' AND status = 'ENABLED'",
    "event that recurs until a day": f"{_EVENTS} AND ends IS NOT NULL AND interval_field = 'HOUR_MINUTE'",
    "event of one time": f"{_EVENTS} AND event_type = 'ONE TIME' AND status = 'ENABLED'",
    "event that is disabled": f"{_EVENTS} AND status = 'DISABLED'",
    "event of another definer, mode and time zone": (
        f"{_EVENTS} AND definer = 'zoo_reader@%' AND sql_mode <> '' AND time_zone = '+03:00'"
    ),
    "view of a view": f"{_VIEWS} AND table_name = 'every_view' AND view_definition LIKE '%a_of_z%'",
    "view with its definer's rights": f"{_VIEWS} AND security_type = 'DEFINER' AND definer = 'zoo_owner@%'",
    "view with its caller's rights": f"{_VIEWS} AND security_type = 'INVOKER' AND definer = 'zoo_reader@%'",
    "view that checks": f"{_VIEWS} AND check_option = 'CASCADED'",
    "grant on a column": "information_schema.column_privileges WHERE table_schema = database()",
}
MARIADB = {
    **MYSQL,
    **{f"table of {engine}": f"{_TABLES} AND engine = '{engine}'" for engine in ("Aria", "MEMORY", "MRG_MyISAM")},
    "column of the type json": (
        "information_schema.check_constraints WHERE constraint_schema = database() AND check_clause LIKE 'json_valid%'"
    ),
    "column of the type uuid": f"{_TABLE_COLUMNS} AND data_type = 'uuid'",
    "column of the type inet4": f"{_TABLE_COLUMNS} AND data_type = 'inet4'",
    "column of the type inet6": f"{_TABLE_COLUMNS} AND data_type = 'inet6'",
    "column that is compressed": f"{_TABLE_COLUMNS} AND column_type LIKE '%COMPRESSED%'",
    "sequence that cycles and is advanced": "invoice_numbers WHERE cycle_option = 1 AND next_not_cached_value > 1000",
    "sequence that counts down": "downwards WHERE increment = -3 AND next_not_cached_value < start_value",
    "sequence that was never used": "untouched WHERE next_not_cached_value = start_value",
    "sequence of another engine": f"{_TABLES} AND table_type = 'SEQUENCE' AND engine = 'Aria'",
    "table with a past": f"{_TABLES} AND table_type = 'SYSTEM VERSIONED'",
    "past rows": "(SELECT count(*) AS n FROM with_past FOR SYSTEM_TIME ALL) AS p WHERE n = 6",
    "partition of the past": f"{_PARTS} AND partition_method = 'SYSTEM_TIME'",
    "table with periods": f"{_TABLES} AND table_name IN ('period', 'of_two_times')",
    "Aria table that is transactional": f"{_TABLES} AND engine = 'Aria' AND create_options LIKE '%transactional=1%'",
    "key that is ignored": f"{_KEYS} AND ignored = 'YES'",
    "aggregate": "mysql.proc WHERE db = database() AND aggregate = 'GROUP'",
    "package": f"{_ROUTINES} AND routine_type = 'PACKAGE'",
    "body of a package": f"{_ROUTINES} AND routine_type = 'PACKAGE BODY'",
    "procedure in Oracle's language": f"{_ROUTINES} AND routine_type = 'PROCEDURE' AND sql_mode LIKE '%ORACLE%'",
    "event that is disabled on a replica": f"{_EVENTS} AND status LIKE '%SLAVE%'",
    "view of the past": f"{_VIEWS} AND view_definition LIKE '%SYSTEM_TIME AS OF%'",
    "comment on the database": (
        "information_schema.schemata WHERE schema_name = database() AND schema_comment LIKE 'a zoo%'"
    ),
}
KINDS = {"postgresql": POSTGRESQL, "mysql": MYSQL, "mariadb": MARIADB}
