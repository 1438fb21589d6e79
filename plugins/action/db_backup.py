# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the module db_backup, and where somebody looks on, tell how far it has come."""

from __future__ import annotations

from ansible_collections.vya.backupdb.plugins.plugin_utils._following import FollowedAction


class ActionModule(FollowedAction):
    """The action of a db_backup task."""

    what = "backup"
    ended = "done"
