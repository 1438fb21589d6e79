# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts that were changed by somebody who knows how they are made, and where a drill leaves nothing."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.vya.backupdb.plugins.module_utils._engine import layout
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.catalog import Artifact, load_artifact
from ansible_collections.vya.backupdb.plugins.module_utils._engine.artifacts.store import Store
from ansible_collections.vya.backupdb.plugins.module_utils._engine.drills import drill
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.config import StorageConfig
from ansible_collections.vya.backupdb.plugins.module_utils._engine.models.results import VerifyResult

from tests.integration.faults import members_of
from tests.integration.scenes import HOSTNAME, Scene, instance_of, now


def write_sections(artifact: Artifact, texts: Sequence[bytes]) -> Artifact:
    """Give an artifact the text of other sections, with metadata and a checksum file that are right for it."""
    members = [gzip.compress(text, mtime=0) for text in texts]
    data = b"".join(members)
    digest = hashlib.sha256(data).hexdigest()
    metadata = json.loads(artifact.paths.metadata.read_text(encoding="utf-8"))
    info, offset = metadata["restore_info"], 0
    kinds = [section["kind"] for section in info["sections"]]
    info["sections"] = (info["sections"] * len(texts))[: len(texts)] if len(kinds) < len(texts) else info["sections"]
    sections = []
    for number, text in enumerate(texts):
        section, member = info["sections"][number], members[number]
        numbers = {"offset_bytes": offset, "length_bytes": len(member), "raw_length_bytes": len(text)}
        sections.append({**section, **numbers})
        offset += len(member)
    info.update(sections=sections, raw_size_bytes=sum(map(len, texts)))
    metadata["file_info"].update(size_bytes=len(data), checksum=digest)
    artifact.paths.data.write_bytes(data)
    artifact.paths.checksum.write_text(f"{digest}  {artifact.paths.data.name}\n", encoding="ascii")
    artifact.paths.metadata.write_text(json.dumps(metadata), encoding="utf-8")
    return load_artifact(artifact.paths.metadata)


def tamper(artifact: Artifact, change: Callable[[bytes], bytes]) -> Artifact:
    """Change the text of each section of an artifact, so that only its rows are not what was dumped."""
    texts = [gzip.decompress(member) for member in members_of(artifact)]
    changed = [change(text) for text in texts]
    assert changed != texts
    return write_sections(artifact, changed)


def flip_bit(artifact: Artifact) -> None:
    """Flip one bit in the middle of a data file."""
    data = bytearray(artifact.paths.data.read_bytes())
    data[len(data) // 2] ^= 1
    artifact.paths.data.write_bytes(data)


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """Give a folder that any account may enter, with a short path, and see that nothing is left in it."""
    folder = Path(tempfile.mkdtemp(prefix="work-"))
    folder.chmod(0o755)
    try:
        yield folder
        assert list(folder.iterdir()) == []
    finally:
        shutil.rmtree(folder)


def throwaway(work_path: Path, **more: Any) -> drill.Where:
    """Return that artifacts are restored to throwaway servers."""
    return drill.Where(work_path=work_path, **more)


def same(scene: Scene) -> drill.Where:
    """Return that artifacts are restored to scratch databases on the server of a scene."""
    return drill.Where(find_instance=lambda _id: instance_of(scene.server))


def store_of(path: Path) -> Store:
    """Return a storage as the engine sees it."""
    return Store(StorageConfig(base_path=path), HOSTNAME, now)


def verify(store: Path, where: drill.Where, *files: Path, level: Any = "restore", **choice: Any) -> drill.Drilled:
    """Verify artifacts by the engine alone, the newest of each database unless told otherwise."""
    chosen = drill.Choice(select="list", files=files) if files else drill.Choice(**choice)
    return drill.verify(chosen, level, where, store_of(store))


def only(drilled: drill.Drilled) -> VerifyResult:
    """Return the one result."""
    (result,) = drilled.results
    return result


def throwaway_folders(work_path: Path) -> list[Path]:
    """Return the folders of throwaway servers."""
    return sorted(work_path.glob(f"{layout.THROWAWAY_PREFIX}*"))
