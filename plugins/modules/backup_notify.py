#!/usr/bin/python
# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell people and monitoring how backups went."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_notify
short_description: Tell people and monitoring how backups went
version_added: 1.0.0
description:
  - Sends one message by L(Apprise,https://github.com/caronc/apprise), as mail, to a chat or to a webhook, and calls the
    URL of a dead man's switch. There are targets for success and for failure.
  - All targets are tried side by side. One that cannot be reached is a warning and does not fail the task, unless
    O(fail_on_error=true).
  - The targets may hold tokens and passwords. Results, warnings and errors name a target by its scheme and host, or by
    its scheme alone where a token may stand in the host's place.
  - With C(notifications) in its configuration, M(vya.backupdb.db_backup) tells by itself. This module is for results
    of tasks without a configuration, of several tasks or hosts together, and of other operations.
options:
  config:
    description:
      - The path of C(config.yaml) on the host, whose C(notifications) are used.
      - Mutually exclusive with O(success), O(failure), O(ping_url), O(ping_failure_url) and O(timeout).
    type: path
  success:
    description: The addresses of Apprise that are told when all went well.
    type: list
    elements: str
  failure:
    description: The addresses of Apprise that are told when anything failed.
    type: list
    elements: str
  ping_url:
    description: The URL that is asked for, by HTTP C(GET), when all went well.
    type: str
  ping_failure_url:
    description: The URL that is asked for, by HTTP C(GET), when anything failed.
    type: str
  timeout:
    description: After how many seconds those that have not answered are given up. Where it is omitted, V(30).
    type: int
  results:
    description:
      - What is told of, as RV(vya.backupdb.db_backup#module:results) has it. A list of
        RV(vya.backupdb.db_restore#module:restore), or the results of several tasks in one list, do as well.
      - An empty list counts as a failure, since nothing was done.
    type: list
    elements: dict
  summary:
    description: How many there were, as RV(vya.backupdb.db_backup#module:summary) has it, where O(results) is omitted.
    type: dict
  error_message:
    description:
      - Why the operation failed as a whole, such as C(msg) of a task that failed before it came to any database.
      - It is told where no result is a failure, and makes a failure of the outcome.
    type: str
  operation:
    description: What was done.
    type: str
    choices: [backup, restore, cleanup, verify]
    default: backup
  hostname:
    description: The host that is told of. Where it is omitted, the one that the module runs on.
    type: str
  subject:
    description:
      - The subject, with names such as C($hostname), C($summary), C($operation), C($status), C($total), C($successful),
        C($failed), C($databases), C($duration), C($size) and C($moment), and C($$) for a dollar sign.
      - "Where it is omitted, that of the configuration, or V([backupdb] $hostname: $summary)."
    type: str
  body:
    description:
      - The text, with the names of O(subject) and C($failures), C($hints) and C($warnings), which are lists.
      - Where it is omitted, that of the configuration, or a short text with these lists.
    type: str
  fail_on_error:
    description: Whether the task fails where a target could not be told, instead of giving a warning.
    type: bool
    default: false
requirements:
  - apprise >= 1.9 (for messages; not for the two URLs)
extends_documentation_fragment:
  - vya.backupdb.attributes
  - vya.backupdb.requirements
attributes:
  check_mode:
    support: full
    details: Nothing is sent. Returns the message, the targets, and which addresses Apprise does not understand.
  diff_mode:
    support: none
seealso:
  - module: vya.backupdb.db_backup
  - module: vya.backupdb.db_restore
  - module: vya.backupdb.backup_config
  - name: Notifications
    description: The targets, the texts, and what each service is told.
    link: https://git.example.org/vya/backupdb/blob/main/docs/notifications.md
author:
  - Contributors to the vya.backupdb project (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Back up the shop, and let the play go on to tell of it
  vya.backupdb.db_backup:
    type: postgresql
    login_user: backup
    login_password: "{{ vault_backup_password }}"
    databases: [shop, billing]
    base_path: /srv/backups
  register: backup
  ignore_errors: true

- name: Mail a failure, and ping the dead man's switch when all went well
  vya.backupdb.backup_notify:
    failure:
      - "mailtos://backup:{{ mail_password | urlencode | replace('/', '%2F') }}@mail.example.org?to=dba@example.org"
      - "slack://{{ vault_slack_token }}/#backups"
    ping_url: "https://hc.example.org/{{ vault_ping_id }}"
    ping_failure_url: "https://hc.example.org/{{ vault_ping_id }}/fail"
    results: "{{ backup.results | default([]) }}"
    error_message: "{{ backup.msg | default(omit) }}"

- name: Fail the play all the same
  ansible.builtin.fail:
    msg: "{{ backup.msg }}"
  when: backup is failed

- name: Tell of a restore as the configuration says, in words of your own
  vya.backupdb.backup_notify:
    config: /etc/vya_backupdb/config.yaml
    operation: restore
    results: ["{{ restored.restore }}"]
    subject: "$hostname: $summary in $duration"
    body: |
      $summary on $hostname at $moment.

      $failures
    fail_on_error: true
"""

RETURN = r"""
deliveries:
  description: What became of each notification, first the messages, then the URL.
  type: list
  elements: dict
  returned: always
  contains:
    target:
      description: Whom it was for, by scheme and host, without what may be secret.
      type: str
      returned: always
    kind:
      description: Whether it is a V(message) by Apprise or a V(ping) of a URL.
      type: str
      returned: always
    success:
      description: Whether it has arrived. None in check mode, where nothing is known to stand against it.
      type: bool
      returned: always
    error:
      description: Why it has not arrived.
      type: str
      returned: always
  sample:
    - error: null
      kind: message
      success: true
      target: json://hooks.example.org
    - error: it answered with status 404
      kind: ping
      success: false
      target: http://hc.example.org
status:
  description: The outcome that was told, one of V(success), V(partial) and V(failed).
  type: str
  returned: always
  sample: partial
subject:
  description: The subject that was sent.
  type: str
  returned: always
  sample: '[backupdb] db01: 1 of 2 backups failed'
body:
  description: The text that was sent.
  type: str
  returned: always
  sample: |-
    1 of 2 backups failed on db01 at 2026-01-10 02:00:07+01:00

    - prod-mariadb-01: the mysql server at 127.0.0.1:3306 cannot be reached: Can't connect to MySQL server on
    '127.0.0.1' ([Errno 111] Connection refused) (connection_error)
error_code:
  description: The kind of the failure, V(partial_failure) or V(complete_failure) where targets could not be told.
  type: str
  returned: failure
  sample: partial_failure
"""

import socket
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.vya.backupdb.plugins.module_utils import _module
from ansible_collections.vya.backupdb.plugins.module_utils._engine import configuration, errors
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models._pydantic import PydanticError
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import NotificationsConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.notices import notice, notify

TARGETS = ("success", "failure", "ping_url", "ping_failure_url")
TEMPLATES = ("subject", "body")


def tell(module: AnsibleModule) -> tuple[bool, dict[str, Any], None]:
    """Tell those whom the options name of the outcome that they describe."""
    options = module.params
    config, outcome = _config(options), _outcome(options)
    deliver = notify.preview if module.check_mode else notify.send
    deliveries = deliver(config, outcome)
    message = notice.render(config, outcome)
    result = {
        "deliveries": [delivery.as_dict() for delivery in deliveries],
        "status": outcome.status,
        "subject": message.subject,
        "body": message.body,
    }
    failed = [delivery for delivery in deliveries if delivery.success is False]
    changed = len(failed) < len(deliveries)
    warnings = notify.warnings_of(failed)
    if failed and options["fail_on_error"]:
        code = "partial_failure" if changed else "complete_failure"
        raise errors.RunError("; ".join(warnings), code, changed=changed, **result)
    for warning in warnings:
        module.warn(warning)
    return changed, result, None


def _config(options: Mapping[str, Any]) -> NotificationsConfig:
    """Return the targets and templates of the options. Raise ConfigError where they are not valid."""
    given = {name: options[name] for name in (*TARGETS, "timeout") if options[name] is not None}
    if options["config"]:
        given = configuration.load_config(Path(options["config"])).notifications.model_dump()
    for name in TEMPLATES:
        if options[name] is not None:
            given.update({f"{outcome}_{name}": options[name] for outcome in ("success", "failure")})
    try:
        return NotificationsConfig(**given)
    except PydanticError as error:
        raise configuration.config_error(error, "the notification of the task") from None


def _outcome(options: Mapping[str, Any]) -> notice.Outcome:
    """Return the outcome that the options describe. Raise ConfigError where they do not."""
    error = notice.Failure(options["error_message"]) if options["error_message"] else None
    told = (options["operation"], options["hostname"] or socket.gethostname(), datetime.now().astimezone())
    if options["results"] is None and options["summary"] is not None:
        return notice.Outcome.of_summary(options["summary"], *told, error=error)
    return notice.Outcome.of_results(options["results"] or [], *told, error=error)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "config": {"type": "path"},
            "success": {"type": "list", "elements": "str", "no_log": True},
            "failure": {"type": "list", "elements": "str", "no_log": True},
            "ping_url": {"type": "str", "no_log": True},
            "ping_failure_url": {"type": "str", "no_log": True},
            "timeout": {"type": "int"},
            "results": {"type": "list", "elements": "dict"},
            "summary": {"type": "dict"},
            "error_message": {"type": "str"},
            "operation": {"type": "str", "choices": list(notice.PLURALS), "default": "backup"},
            "hostname": {"type": "str"},
            "subject": {"type": "str"},
            "body": {"type": "str"},
            "fail_on_error": {"type": "bool", "default": False},
        },
        mutually_exclusive=[("config", name) for name in (*TARGETS, "timeout")],
        required_one_of=[("config", *TARGETS), ("results", "summary", "error_message")],
        supports_check_mode=True,
    )
    _module.run(module, tell, requires=_module.CATALOGUE_PACKAGES)


if __name__ == "__main__":
    main()
