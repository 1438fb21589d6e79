# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts and roles of a MySQL or MariaDB server: read from it, and written as SQL.

What an account is, and its privileges on the server and on whole databases, is the server's own SHOW CREATE USER and
SHOW GRANTS. What depends on what else there is when it is restored (roles, tables, routines) is read as data. Left
out are the accounts of the server itself and the bootstrap superuser, and what the server does not show: a secondary
password.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...models.accounts import AccountInfo, AccountName, Key, Kind, MembershipInfo, ObjectGrantInfo
from ..accounts import AccountState, AccountText, SavedAccounts, frame
from ..base import rows_of
from ..values import Flavour
from .connection import identifier

BOOTSTRAP: Key = ("root", "localhost")
OWN_ACCOUNTS = frozenset(
    {
        ("mariadb.sys", "localhost"),
        ("mysql.sys", "localhost"),
        ("mysql.session", "localhost"),
        ("mysql.infoschema", "localhost"),
    }
)
# The role that everybody has in MariaDB since 10.11. It is there without having been created.
PUBLIC = "PUBLIC"
PREAMBLE = {
    "mariadb": ("SET NAMES utf8mb4", "SET SESSION sql_mode = 'NO_AUTO_CREATE_USER'"),
    "mysql": ("SET NAMES utf8mb4", "SET SESSION sql_mode = ''"),
}
ACCOUNTS = {
    "mariadb": "SELECT User, Host, Super_priv = 'Y', is_role = 'Y', default_role FROM mysql.user ORDER BY 4 DESC, 1, 2",
    # CREATE ROLE makes an account that is locked and has no password, and nothing else tells a role.
    "mysql": "SELECT User, Host, Super_priv = 'Y', account_locked = 'Y' AND password_expired = 'Y'"
    " AND authentication_string = '', '' FROM mysql.user ORDER BY 4 DESC, 1, 2",
}
# Role and its host, member and its host, whether with ADMIN OPTION.
MEMBERSHIPS = {
    "mariadb": "SELECT Role, NULL, User, Host, Admin_option = 'Y' FROM mysql.roles_mapping ORDER BY 1, 3, 4",
    "mysql": "SELECT FROM_USER, FROM_HOST, TO_USER, TO_HOST, WITH_ADMIN_OPTION = 'Y' FROM mysql.role_edges"
    " ORDER BY 1, 2, 3, 4",
}
DEFAULT_ROLES = "SELECT USER, HOST, DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST FROM mysql.default_roles"
PROXIES = "SELECT User, Host, Proxied_user, Proxied_host, With_grant FROM mysql.proxies_priv ORDER BY 1, 2, 3, 4"
TABLE_GRANTS = "SELECT User, Host, Db, Table_name, NULL, Table_priv FROM mysql.tables_priv ORDER BY 1, 2, 3, 4"
COLUMN_GRANTS = (
    "SELECT User, Host, Db, Table_name, Column_name, Column_priv FROM mysql.columns_priv ORDER BY 1, 2, 3, 4, 5"
)
ROUTINE_GRANTS = (
    "SELECT User, Host, Db, Routine_name, Routine_type, Proc_priv FROM mysql.procs_priv ORDER BY 1, 2, 3, 4, 5"
)
# MySQL, and MariaDB in some versions, show what a certificate must hold without escaping it: as SQL that is another
# statement, or another's.
ODD_CERTIFICATES = """
    SELECT User, Host, CONVERT(ssl_cipher USING utf8mb4), CONVERT(x509_issuer USING utf8mb4),
        CONVERT(x509_subject USING utf8mb4)
    FROM mysql.user
    WHERE LOCATE('\\'', CONCAT(ssl_cipher, ' ', x509_issuer, ' ', x509_subject)) > 0
        OR LOCATE('\\\\', CONCAT(ssl_cipher, ' ', x509_issuer, ' ', x509_subject)) > 0
"""
SECONDARY_PASSWORDS = (
    "SELECT User, Host FROM mysql.user WHERE JSON_CONTAINS_PATH(User_attributes, 'one', '$.additional_password')"
)
# As the columns of mysql.tables_priv and as statements name it.
RENAMED_PRIVILEGES = {"DELETE VERSIONING ROWS": "DELETE HISTORY"}
CREATE_USER = "CREATE USER "
CREATE = "CREATE USER IF NOT EXISTS "
ALTER = "ALTER USER "
# The server's own text. Only a privilege on everything, or on all of a database, has neither columns nor an object.
_GRANT = re.compile(
    r"(?P<what>(?:GRANT|REVOKE) [A-Z0-9_, ]+ ON (?:\*\.\*|`(?:[^`]|``)*`\.\*) (?:TO|FROM) )(?P<rest>.*)", re.S
)
_TOKEN = re.compile(r"`(?:[^`]|``)*`|'(?:[^'\\]|''|\\.)*'|[^`']+", re.S)


def read(cursor: Any, flavour: Flavour) -> SavedAccounts:
    """Return the accounts and roles of a server."""
    return _Reader(cursor, flavour).read()


def state(cursor: Any, flavour: Flavour) -> AccountState:
    """Return which accounts the server has now."""
    existing = {key for key, _superuser, _role, _default in _listed(cursor, flavour)}
    user, host = str(rows_of(cursor, "SELECT CURRENT_USER()")[0][0]).rsplit("@", 1)
    protected: dict[Key, str] = {
        **dict.fromkeys(OWN_ACCOUNTS, "it is the server's own"),
        (user, host): "it is the account in use",
        BOOTSTRAP: "it is the bootstrap superuser",
    }
    return AccountState(frozenset(existing), protected)


def quoted(account: AccountName) -> str:
    """Return the name of an account as statements have it.

    As strings, for the plain clients lose their way at a backslash before a backtick.
    """
    if account.host is None:
        return PUBLIC if account.name == PUBLIC else literal(account.name)
    return f"{literal(account.name)}@{literal(account.host)}"


def shown_name(account: AccountName) -> str:
    """Return the name of an account as the server shows it."""
    if account.host is None:
        return PUBLIC if account.name == PUBLIC else identifier(account.name)
    return f"{identifier(account.name)}@{identifier(account.host)}"


def membership_statement(membership: MembershipInfo) -> str:
    """Return the statement that grants a role."""
    option = " WITH ADMIN OPTION" if membership.admin else ""
    return f"GRANT {quoted(membership.role)} TO {quoted(membership.member)}{option}"


def default_roles_statements(memberships: list[MembershipInfo], flavour: Flavour) -> list[tuple[AccountName, str]]:
    """Return for each member that has default roles among the memberships the statement that sets them all."""
    roles: dict[Key, list[str]] = {}
    members = {one.member.key: one.member for one in memberships if one.is_default}
    for one in memberships:
        if one.is_default:
            roles.setdefault(one.member.key, []).append(quoted(one.role))
    word = "FOR" if flavour == "mariadb" else "TO"
    return [
        (member, f"SET DEFAULT ROLE {', '.join(roles[key])} {word} {quoted(member)}") for key, member in members.items()
    ]


def proxy_statement(proxied: AccountName, member: AccountName, *, grantable: bool) -> str:
    """Return the statement that lets an account stand in for another."""
    option = " WITH GRANT OPTION" if grantable else ""
    return f"GRANT PROXY ON {quoted(proxied)} TO {quoted(member)}{option}"


def held_proxies(cursor: Any, flavour: Flavour) -> frozenset[str]:
    """Return the statements, in each of their forms, that would give nobody what he has not already.

    What created the server may have given it to accounts that nobody else can give it to.
    """
    statements = set()
    for user, host, proxied_user, proxied_host, grantable in rows_of(cursor, PROXIES):
        same = ("", "%") if flavour == "mariadb" and proxied_host in ("", "%") else (proxied_host,)
        for one in same:
            for option in (False, True) if grantable else (False,):
                proxied = AccountName(name=proxied_user, host=one)
                statements.add(proxy_statement(proxied, AccountName(name=user, host=host), grantable=option))
    return frozenset(statements)


def object_statement(account: AccountName, grant: ObjectGrantInfo) -> str:
    """Return the statement that grants privileges on an object to an account."""
    column = "" if grant.column is None else f" ({identifier(grant.column)})"
    privileges = ", ".join(f"{privilege}{column}" for privilege in grant.privileges) or "USAGE"
    kind = "" if grant.kind == "TABLE" else f"{grant.kind} "
    option = " WITH GRANT OPTION" if grant.grantable else ""
    name = f"{identifier(grant.database)}.{identifier(grant.name)}"
    return f"GRANT {privileges} ON {kind}{name} TO {quoted(account)}{option}"


def existence_query(grant: ObjectGrantInfo) -> tuple[str, list[str]]:
    """Return a query, with its parameters, that has a row where the object of a grant exists."""
    if grant.kind != "TABLE":
        query = "SELECT 1 FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %s AND ROUTINE_NAME = %s"
        return f"{query} AND ROUTINE_TYPE = %s", [grant.database, grant.name, grant.kind]
    if grant.column is None:
        query = "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
        return query, [grant.database, grant.name]
    query = "SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND COLUMN_NAME = %s"
    return query, [grant.database, grant.name, grant.column]


def literal(value: str) -> str:
    """Return text as an SQL string on one line; the artifact's own sql_mode lets a backslash escape."""
    escaped = value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n").replace("\0", "\\0")
    return f"'{escaped}'"


def _listed(cursor: Any, flavour: Flavour) -> Iterator[tuple[Key, bool, bool, str]]:
    """Yield each account of the server: its key, whether it is a superuser, whether a role, its default role."""
    for user, host, is_superuser, is_role, default_role in rows_of(cursor, ACCOUNTS[flavour]):
        hostless = flavour == "mariadb" and is_role
        yield (user, None if hostless else host), bool(is_superuser), bool(is_role), default_role


@dataclass
class _Reader:
    """The accounts of a server while they are read."""

    cursor: Any
    flavour: Flavour

    def read(self) -> SavedAccounts:
        """Return all accounts with the text of their artifact."""
        self.cursor.execute("SET SESSION sql_quote_show_create = 1")
        if self.flavour == "mysql":
            # The hashes of caching_sha2_password hold bytes that are no text.
            self.cursor.execute("SET SESSION print_identified_with_as_hex = 1")
        odd = {(user, host): values for user, host, *values in rows_of(self.cursor, ODD_CERTIFICATES)}
        unfit = {key for key, values in odd.items() if self._shows_unescaped(key, values)}
        accounts: list[AccountInfo] = []
        defaults: set[tuple[Key, Key]] = set()
        for key, is_superuser, is_role, default_role in _listed(self.cursor, self.flavour):
            if key in OWN_ACCOUNTS or key == BOOTSTRAP or key in unfit:
                continue
            kind: Kind = "role" if is_role else "superuser" if is_superuser else "login"
            accounts.append(AccountInfo(name=key[0], host=key[1], kind=kind))
            if default_role:
                defaults.add((key, (default_role, None)))
        if self.flavour == "mysql":
            rows = rows_of(self.cursor, DEFAULT_ROLES)
            defaults = {((user, host), (role, role_host)) for user, host, role, role_host in rows}
        positions = {account.key: position for position, account in enumerate(accounts)}
        memberships = list(self._memberships(accounts, defaults))
        object_grants = list(self._object_grants(positions))
        texts = [text for position, account in enumerate(accounts) for text in self._texts(position, account)]
        texts += self._proxies(positions)
        texts.append(AccountText("".join(f"{text};\n" for text in self._last(accounts, memberships, object_grants))))
        return SavedAccounts(
            accounts,
            frame(self.flavour, PREAMBLE[self.flavour], texts),
            memberships,
            object_grants,
            lacking=_told(unfit),
            warnings=self._warnings(),
        )

    def _shows_unescaped(self, key: tuple[str, str], values: Sequence[str]) -> bool:
        shown = str(rows_of(self.cursor, f"SHOW CREATE USER {quoted(AccountName(name=key[0], host=key[1]))}")[0][0])
        return any(f"'{value}'" in shown for value in values if "'" in value or "\\" in value)

    def _texts(self, position: int, account: AccountInfo) -> Iterator[AccountText]:
        """Yield the statements that make an account and give it what it has on the server and whole databases."""
        name = quoted(account)
        if account.host is None and account.name != PUBLIC:
            yield AccountText(f"CREATE ROLE IF NOT EXISTS {name};\n", "create", position)
        elif account.host is not None:
            shown = str(rows_of(self.cursor, f"SHOW CREATE USER {name}")[0][0])
            before = f"{CREATE_USER}{shown_name(account)}"
            if not shown.startswith(before):
                raise AssertionError("contract violation: SHOW CREATE USER shows something else")
            yield AccountText(f"{CREATE}{name}{_without_default_roles(shown[len(before) :])};\n", "create", position)
        for (shown,) in rows_of(self.cursor, f"SHOW GRANTS FOR {name}"):
            statement = grant_statement(str(shown), account)
            if statement is not None:
                yield AccountText(f"{statement};\n", "details", position)

    def _memberships(self, accounts: list[AccountInfo], defaults: set[tuple[Key, Key]]) -> Iterator[MembershipInfo]:
        members = {account.key: account for account in accounts}
        for role, role_host, user, host, admin in rows_of(self.cursor, MEMBERSHIPS[self.flavour]):
            is_role = self.flavour == "mariadb" and not host and (user, None) in members
            member = members.get((user, None if is_role else host))
            if member is not None:
                yield MembershipInfo(
                    role=AccountName(name=role, host=role_host),
                    member=AccountName(name=member.name, host=member.host),
                    admin=bool(admin),
                    is_default=(member.key, (role, role_host)) in defaults,
                )

    def _proxies(self, positions: dict[Key, int]) -> Iterator[AccountText]:
        found: dict[str, Key] = {}
        for user, host, proxied_user, proxied_host, grantable in rows_of(self.cursor, PROXIES):
            # MariaDB shows an empty host so, takes it for the same, and makes it so of every grant.
            shown_host = proxied_host or ("%" if self.flavour == "mariadb" else "")
            proxied = AccountName(name=proxied_user, host=shown_host)
            statement = proxy_statement(proxied, AccountName(name=user, host=host), grantable=bool(grantable))
            found[statement] = (user, host)
        for statement, member in found.items():
            if member in positions:
                yield AccountText(f"{statement};\n", "details", positions[member])

    def _object_grants(self, positions: dict[Key, int]) -> Iterator[ObjectGrantInfo]:
        for query in (TABLE_GRANTS, COLUMN_GRANTS, ROUTINE_GRANTS):
            for user, host, database, name, third, given in rows_of(self.cursor, query):
                position = positions.get((user, host), positions.get((user, None)) if not host else None)
                privileges = [word.upper() for word in str(given).split(",") if word]
                if position is None or not privileges:
                    continue
                yield ObjectGrantInfo(
                    account=position,
                    database=database,
                    kind=third if query is ROUTINE_GRANTS else "TABLE",
                    name=name,
                    column=third if query is COLUMN_GRANTS else None,
                    privileges=[RENAMED_PRIVILEGES.get(word, word) for word in privileges if word != "GRANT"],
                    grantable="GRANT" in privileges,
                )

    def _last(
        self, accounts: list[AccountInfo], memberships: list[MembershipInfo], object_grants: list[ObjectGrantInfo]
    ) -> Iterator[str]:
        """Yield what comes when all accounts are there; a grant on an object only where the object is, too."""
        for membership in memberships:
            yield membership_statement(membership)
        for _member, statement in default_roles_statements(memberships, self.flavour):
            yield statement
        for grant in object_grants:
            query, parameters = existence_query(grant)
            exists = query.replace("%s", "{}").format(*map(literal, parameters))
            statement = literal(object_statement(accounts[grant.account], grant))
            yield f"SET @backupdb_grant = IF(EXISTS({exists}), {statement}, 'DO 0')"
            yield "PREPARE backupdb_grant FROM @backupdb_grant"
            yield "EXECUTE backupdb_grant"
            yield "DEALLOCATE PREPARE backupdb_grant"

    def _warnings(self) -> list[str]:
        if self.flavour == "mariadb":
            return []
        return [
            f"the secondary password of {user}@{host} is not saved: the server does not show it"
            for user, host in rows_of(self.cursor, SECONDARY_PASSWORDS)
        ]


def _told(unfit: set[tuple[str, str]]) -> str | None:
    if not unfit:
        return None
    labels = ", ".join(sorted(f"{user}@{host}" for user, host in unfit))
    return f"accounts whose certificate the server does not show as SQL that can be read are not saved: {labels}"


def grant_statement(shown: str, account: AccountName) -> str | None:
    """Given a line of SHOW GRANTS for an account, return the statement if it is one to run for that account.

    None for roles, proxies and objects, which are read as data, and for what the server shows of an account's roles.
    What MariaDB shows of the password and limits is left out: it is in SHOW CREATE USER.
    """
    found = _GRANT.fullmatch(shown)
    name = shown_name(account)
    if found is None or not found["rest"].startswith(name) or found["rest"][len(name) :][:1] not in ("", " "):
        return None
    bare = "".join(token for token in _TOKEN.findall(found["rest"][len(name) :]) if token[0] not in "`'")
    option = " WITH GRANT OPTION" if bare.endswith("GRANT OPTION") or " GRANT OPTION " in bare else ""
    if found["what"].startswith("GRANT USAGE ON ") and not option:
        return None
    return f"{found['what']}{quoted(account)}{option}"


def _without_default_roles(shown: str) -> str:
    """Take the default roles out of what MySQL shows of an account: they can be set only once there are roles."""
    tokens: list[str] = _TOKEN.findall(shown)
    for position, token in enumerate(tokens):
        if token.endswith(" DEFAULT ROLE "):
            end = position + 1
            while end < len(tokens) and (tokens[end][0] == "`" or tokens[end] in ("@", ",")):
                end += 1
            return "".join(tokens[:position]) + token[: -len(" DEFAULT ROLE ")] + "".join(tokens[end:])
    return shown
