# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The credential store as it is on the disk."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models._pydantic import PydanticError, problems_of
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.credentials import (
    CredentialsStore,
    PlainCredentials,
)
from cryptography.fernet import Fernet

TOKEN = Fernet(Fernet.generate_key()).encrypt(b"backup").decode("ascii")
ENTRY = {"id": "prod-mysql-01", "username": TOKEN, "password": TOKEN}
STORE = {
    "version": "1.0",
    "encryption": {"method": "fernet", "key_derivation": "hostname-based", "version": "1.0"},
    "credentials": [ENTRY, {**ENTRY, "id": "prod-postgres-01"}],
}


def problems(store: dict[str, Any]) -> list[str]:
    with pytest.raises(PydanticError) as caught:
        CredentialsStore.model_validate_json(json.dumps(store))
    return [problem["path"] for problem in problems_of(caught.value)]


def test_the_documented_store_loads_and_is_written_as_it_was() -> None:
    loaded = CredentialsStore.model_validate_json(json.dumps(STORE))
    assert json.loads(loaded.model_dump_json()) == STORE


def test_an_empty_store_has_the_documented_defaults() -> None:
    assert CredentialsStore().model_dump() == {**STORE, "credentials": []}


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        "",
        "gAAAAABl...",
        TOKEN[:-4],
        TOKEN + "AAAA",
        "A" + TOKEN[1:],
        TOKEN + "\n",
        base64.urlsafe_b64encode(b"\x80" + bytes(56)).decode("ascii"),
        "gÄAAA",
    ],
    # Tokens are different in each process.
    ids=range(9),
)
def test_a_value_that_is_no_fernet_token_is_refused(text: str) -> None:
    assert problems({**STORE, "credentials": [{**ENTRY, "password": text}]}) == ["credentials.0.password"]
    assert problems({**STORE, "credentials": [{**ENTRY, "username": text}]}) == ["credentials.0.username"]


def test_a_repeated_id_is_refused() -> None:
    assert problems({**STORE, "credentials": [ENTRY, ENTRY]}) == ["credentials.1.id"]


@pytest.mark.parametrize(
    ("broken", "path"),
    [
        ({**STORE, "typo": 1}, "typo"),
        ({**STORE, "version": "2.0"}, "version"),
        ({**STORE, "encryption": {"method": "aes"}}, "encryption.method"),
        ({**STORE, "encryption": {"key_derivation": "machine-id"}}, "encryption.key_derivation"),
        ({**STORE, "credentials": [{**ENTRY, "id": "../x"}]}, "credentials.0.id"),
        ({**STORE, "credentials": [{**ENTRY, "host": "h"}]}, "credentials.0.host"),
    ],
)
def test_a_store_against_a_rule_is_refused_by_its_path(broken: dict[str, Any], path: str) -> None:
    assert problems(broken) == [path]


def test_tokens_and_plain_values_are_not_in_the_text_of_a_model() -> None:
    assert TOKEN not in repr(CredentialsStore.model_validate_json(json.dumps(STORE)))
    plain = PlainCredentials.model_validate({"credentials": [{"id": "a", "username": "u", "password": "canary"}]})
    assert "canary" not in repr(plain)


def test_no_error_shows_a_value() -> None:
    with pytest.raises(PydanticError) as caught:
        CredentialsStore.model_validate({**STORE, "credentials": [{**ENTRY, "password": "canary"}]})
    assert "canary" not in str(caught.value)
