# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles of a PostgreSQL server: read from its catalogue, written as SQL, and made again.

The counterpart is ``pg_dumpall --roles-only``, whose text cannot be had for one role alone: statements are made here
from the same columns, and what they make is, to ``pg_dumpall``, equal to the source. Left out are the predefined
roles (``pg_*``), the bootstrap superuser, which every server has under a name and with a password of its own, and
security labels, which mean nothing without the module that gives them. What ``ALTER ROLE ... IN DATABASE`` sets
belongs to the database and is in its artifact.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from ...models.accounts import AccountInfo, AccountName, Kind, MembershipInfo
from ..accounts import AccountState, AccountsWork, AccountText, SavedAccounts, frame
from ..base import rows_of
from ..values import Endpoint
from .connection import identifier, translated
from .creation import assignment, literal

# Since this version a membership has a grantor that counts, and options of its own.
GRANTORS_SINCE = 16
PREAMBLE = (
    "SET client_encoding = 'UTF8'",
    "SET standard_conforming_strings = on",
    "SET default_transaction_read_only = off",
)
MAY_READ_PASSWORDS = "SELECT pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT')"
# BOOTSTRAP_SUPERUSERID of pg_authid.dat is 10 in every version.
ROLES = """
    SELECT r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication,
        r.rolbypassrls, r.rolconnlimit, {password}, r.rolvaliduntil::text,
        pg_catalog.shobj_description(r.oid, 'pg_authid'),
        ARRAY(
            SELECT pg_catalog.unnest(s.setconfig) FROM pg_catalog.pg_db_role_setting s
            WHERE s.setdatabase = 0 AND s.setrole = r.oid
        )
    FROM pg_catalog.{catalogue} r WHERE r.oid <> 10 AND r.rolname !~ '^pg_' ORDER BY r.rolname
"""
MEMBERSHIPS = """
    SELECT r.rolname, m.rolname, a.admin_option, {options}, CASE WHEN g.oid <> 10 THEN g.rolname END
    FROM pg_catalog.pg_auth_members a
    JOIN pg_catalog.pg_roles r ON r.oid = a.roleid JOIN pg_catalog.pg_roles m ON m.oid = a.member
    LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantor
    WHERE m.oid <> 10 AND m.rolname !~ '^pg_' ORDER BY 1, 2, 6
"""
STATE = """
    SELECT rolname, CASE WHEN oid = 10 THEN 'it is the bootstrap superuser'
        WHEN rolname IN (SESSION_USER, CURRENT_USER) THEN 'it is the account in use' END
    FROM pg_catalog.pg_roles
"""
MAY_NAME_GRANTORS = "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = CURRENT_USER"
GRANTORS = """
    SELECT r.rolname, m.rolname FROM pg_catalog.pg_auth_members a
    JOIN pg_catalog.pg_roles r ON r.oid = a.roleid JOIN pg_catalog.pg_roles m ON m.oid = a.member
    WHERE a.admin_option
"""
ATTRIBUTES = ("SUPERUSER", "INHERIT", "CREATEROLE", "CREATEDB", "LOGIN", "REPLICATION", "BYPASSRLS")
CREATE = "CREATE ROLE "
ALTER = "ALTER ROLE "


def read(connection: Any, user: str, major: int) -> SavedAccounts:
    """Return the roles of a server in one consistent view; without their passwords where ``user`` may not see them."""
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True, autocommit=False)
    accounts: list[AccountInfo] = []
    creations: list[AccountText] = []
    details: list[AccountText] = []
    with connection.cursor() as cursor:
        with_passwords = bool(rows_of(cursor, MAY_READ_PASSWORDS)[0][0])
        source = {"catalogue": "pg_authid", "password": "r.rolpassword"}
        if not with_passwords:
            source = {"catalogue": "pg_roles", "password": "NULL"}
        for name, *row, comment, settings in rows_of(cursor, ROLES.format(**source)):
            position = len(accounts)
            kind: Kind = "superuser" if row[0] else "login" if row[4] else "role"
            accounts.append(AccountInfo(name=name, kind=kind))
            creations.append(AccountText(_create_statement(name, row, with_passwords), "create", position))
            statements = _detail_statements(name, comment, settings)
            if statements:
                details.append(AccountText(statements, "details", position))
        memberships = in_order_of_grantors(_read_memberships(cursor, major), major)
    grants = "".join(f"{membership_statement(one, major, one.grantor)};\n" for one in memberships)
    return SavedAccounts(
        accounts,
        frame("postgresql", PREAMBLE, [*creations, *details, AccountText(grants)]),
        memberships,
        lacking=None if with_passwords else f"{user} may not read pg_authid, so the roles are saved without passwords",
    )


def _create_statement(name: str, row: Sequence[Any], with_passwords: bool) -> str:
    *attributes, limit, password, valid_until = row
    words = [word if given else f"NO{word}" for word, given in zip(ATTRIBUTES, attributes)]
    words.append(f"CONNECTION LIMIT {int(limit)}")
    if with_passwords:
        words.append(f"PASSWORD {'NULL' if password is None else literal(password)}")
    if valid_until is not None:
        words.append(f"VALID UNTIL {literal(valid_until)}")
    return f"{CREATE}{identifier(name)} WITH {' '.join(words)};\n"


def _detail_statements(name: str, comment: str | None, settings: Sequence[str]) -> str:
    statements = [] if comment is None else [f"COMMENT ON ROLE {identifier(name)} IS {literal(comment)};\n"]
    for setting in settings:
        parameter, value = setting.split("=", maxsplit=1)
        statements.append(f"{ALTER}{identifier(name)} {assignment(parameter, value)};\n")
    return "".join(statements)


def _read_memberships(cursor: Any, major: int) -> list[MembershipInfo]:
    options = "a.inherit_option, a.set_option" if major >= GRANTORS_SINCE else "NULL::boolean, NULL::boolean"
    return [
        MembershipInfo(
            role=AccountName(name=role),
            member=AccountName(name=member),
            admin=admin,
            inherit=inherit,
            set_role=set_role,
            grantor=grantor,
        )
        for role, member, admin, inherit, set_role, grantor in rows_of(cursor, MEMBERSHIPS.format(options=options))
    ]


def in_order_of_grantors(memberships: Sequence[MembershipInfo], major: int) -> list[MembershipInfo]:
    """Return memberships so that each comes after the one by which its grantor may grant it.

    Those of a grantor who may not by any of them come last; where the server would refuse it, without that name.
    """
    ordered: list[MembershipInfo] = []
    administrators: set[tuple[str, str]] = set()
    waiting = list(memberships)
    while waiting:
        ready = [one for one in waiting if one.grantor is None or (one.role.name, one.grantor) in administrators]
        if not ready:
            forgotten = {"grantor": None} if major >= GRANTORS_SINCE else {}
            return ordered + [one.model_copy(update=forgotten) for one in waiting]
        ordered += ready
        administrators |= {(one.role.name, one.member.name) for one in ready if one.admin}
        waiting = [one for one in waiting if one not in ready]
    return ordered


def membership_statement(membership: MembershipInfo, major: int, grantor: str | None) -> str:
    """Return the statement that grants a membership on a server of ``major``, in the name of ``grantor``."""
    options = ["ADMIN OPTION"] if membership.admin else []
    if major >= GRANTORS_SINCE:
        for name, given in (("INHERIT", membership.inherit), ("SET", membership.set_role)):
            options += [] if given is None else [f"{name} {'TRUE' if given else 'FALSE'}"]
    statement = f"GRANT {identifier(membership.role.name)} TO {identifier(membership.member.name)}"
    if options:
        statement += f" WITH {', '.join(options)}"
    return statement if grantor is None else f"{statement} GRANTED BY {identifier(grantor)}"


def state(cursor: Any) -> AccountState:
    """Return which roles the server has now."""
    rows = rows_of(cursor, STATE)
    return AccountState(
        frozenset((name, None) for name, reason in rows), {(name, None): reason for name, reason in rows if reason}
    )


def apply(endpoint: Endpoint, connection: Any, work: AccountsWork, major: int) -> list[str]:
    """Create and change roles in one transaction; return a sentence for what came out another way than it was saved.

    Raise what the server's refusal means; then nothing was done.
    """
    connection.autocommit = False
    with connection, connection.cursor() as cursor:
        for one in work.accounts:
            name = one.account.name
            with _doing(endpoint, f"{'changing' if one.exists else 'creating'} the role {name}"):
                if one.create is not None:
                    cursor.execute(ALTER + one.create[len(CREATE) :] if one.exists else one.create)
        for one in work.accounts:
            with _doing(endpoint, f"giving the role {one.account.name} its settings"):
                for text in one.details:
                    cursor.execute(text)
        return _grant(endpoint, cursor, work.memberships, major)


def _grant(endpoint: Endpoint, cursor: Any, memberships: Sequence[MembershipInfo], major: int) -> list[str]:
    notes = []
    may_name = bool(rows_of(cursor, MAY_NAME_GRANTORS)[0][0])
    existing = state(cursor).existing
    administrators = set(rows_of(cursor, GRANTORS))
    for membership in memberships:
        role, member, grantor = membership.role.name, membership.member.name, membership.grantor
        usable = may_name and (grantor, None) in existing
        if grantor is not None and (not usable or (major >= GRANTORS_SINCE and (role, grantor) not in administrators)):
            notes.append(f"{role} is granted to {member} by the account in use, for {grantor} may not grant it here")
            grantor = None
        with _doing(endpoint, f"granting {role} to {member}"):
            cursor.execute(membership_statement(membership, major, grantor))
        if membership.admin:
            administrators.add((role, member))
    return notes


@contextlib.contextmanager
def _doing(endpoint: Endpoint, what: str) -> Iterator[None]:
    with translated(endpoint, f"restoring the accounts (nothing is changed): {what}"):
        yield
