# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a server is reached and logged in to; twin of LOGIN in module_utils/_arguments.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  type:
    description:
      - The family of the server. MariaDB is V(mysql).
      - Required unless C(config) is given.
    type: str
    choices: [mysql, postgresql]
  database_id:
    description:
      - The id of the server instance, which names it in the credential store and in the backup storage.
      - With C(config), selects one of the configured instances.
      - Letters, digits and hyphens only.
    type: str
  login_host:
    description: The host name or address of the server.
    type: str
    default: localhost
  login_port:
    description:
      - The TCP port of the server.
      - Where it is omitted, V(3306) for O(type=mysql) and V(5432) for O(type=postgresql).
    type: int
  login_user:
    description: The account to log in with. Where it is omitted, the credential store is asked for O(database_id).
    type: str
  login_password:
    description: The password of O(login_user).
    type: str
  login_unix_socket:
    description:
      - The Unix domain socket of the server, used instead of O(login_host).
      - For O(type=postgresql), the folder of the socket.
    type: path
  ssl_mode:
    description:
      - Whether the connection is encrypted, and what is checked of the server.
      - V(disable) never encrypts, V(prefer) encrypts where the server can, V(require) refuses a connection that is
        not encrypted, V(verify-ca) also checks that the certificate comes from O(ca_cert), and V(verify-full) also
        that it is for O(login_host).
    type: str
    choices: [disable, prefer, require, verify-ca, verify-full]
    default: prefer
  ca_cert:
    description: The file with the certificate of the authority that the server's certificate is checked against.
    type: path
    aliases: [ssl_ca, ssl_rootcert]
  connect_timeout:
    description: How long to wait for a connection, in seconds.
    type: int
    default: 10
  client_path:
    description:
      - The folder of the client programs, such as C(pg_dump) or C(mariadb-dump).
      - Where it is omitted, the newest fit programs of the host are found.
    type: path
"""
