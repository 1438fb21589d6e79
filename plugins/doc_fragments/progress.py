# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a task tells how far it has come; twin of PROGRESS in module_utils/_arguments.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  progress:
    description:
      - Whether a task that takes longer than ten seconds tells how far it has come, with a line for each database that
        is being dumped or loaded, on the terminal and in the log of AWX. The result is the same.
      - Where it is omitted, it does when Ansible's output is a terminal, or it runs under AWX or ansible-runner. Under
        cron it does not.
      - The task then runs in the background of the host, and goes on when the connection or Ansible itself ends.
      - A task with C(async), C(timeout) or C(no_log), one in check mode, and one on a host that cannot run tasks in the
        background tells nothing.
    type: bool
"""
