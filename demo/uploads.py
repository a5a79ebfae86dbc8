"""Uploads: photographs and a PDF become thumbnails and metadata; a broken file harms nobody."""

import mimetypes
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from contracts.upload import ProcessUpload
from demo.runner import Stage
from nightshift.text import storable
from schema.tables import files, users

SAMPLES = Path(__file__).resolve().parent / "samples"
USER = "demo-user"
"""The owner of the demo's files."""


def samples() -> list[Path]:
    """Return the sample files of the project."""
    return sorted(path for path in SAMPLES.iterdir() if path.suffix != ".md")


async def play(stage: Stage, given: Sequence[Path]) -> None:
    """Upload the files as an application does: the object first, then its row, then the job."""
    inputs = list(given) or samples()
    stage.begin("upload", f"{len(inputs)} files: checksum, metadata, thumbnail")
    await add_user(stage)
    uploaded = [(path, await upload(stage, path)) for path in inputs]
    for path, file_id in uploaded:
        if given:
            await _wait_for_end(stage, path, file_id)
        elif row := await stage.expect(f"{path.name} is processed", partial(_finished, stage, file_id)):
            await _show(stage, path, row)
    if not given:
        await _broken(stage)


async def _wait_for_end(stage: Stage, path: Path, file_id: str) -> None:
    """Wait for the job to end; a user's own file may be one that ends as a dead letter."""

    async def end() -> Any:
        return await _finished(stage, file_id) or await stage.dead_letters("UPLOAD_DLQ", f"upload-{file_id}")

    found = await stage.expect(f"{path.name} is finished", end)
    if isinstance(found, list):
        stage.note(f"refused, a dead letter in UPLOAD_DLQ: {found[0].headers.get('Dead-Error')}")
    elif found is not None:
        await _show(stage, path, found)


async def add_user(stage: Stage) -> None:
    """Add the owner of the demo's files."""
    async with stage.database.write() as connection:
        await connection.execute(
            insert(users), {"id": USER, "email": "demo@example.com", "name": "Demo", "created_at": datetime.now(UTC)}
        )


async def upload(stage: Stage, path: Path) -> str:
    """Upload a file, with its row and its job; return its id.

    Raises:
        OSError: it cannot be read.
    """
    file_id = uuid.uuid4().hex
    key = f"uploads/{USER}/{file_id}"
    content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    await stage.objects.upload(key, path, content_type)
    await _register(stage, file_id, key, storable(path.name), content_type)
    return file_id


async def _register(stage: Stage, file_id: str, key: str, name: str, content_type: str) -> None:
    row = {"id": file_id, "user_id": USER, "object_key": key, "original_name": name, "content_type": content_type}
    async with stage.database.write() as connection:
        await connection.execute(insert(files), {**row, "status": "uploaded", "created_at": datetime.now(UTC)})
    await stage.publisher.publish(ProcessUpload(file_id=file_id, user_id=USER), job_id=f"upload-{file_id}")


async def _finished(stage: Stage, file_id: str) -> Any:
    rows = await stage.rows(select(files).where(files.c.id == file_id, files.c.processed))
    return rows[0] if rows else None


async def _show(stage: Stage, path: Path, row: Any) -> None:
    metadata = dict(row["metadata"] or {})
    facts = [str(row["content_type"]), f"{row['size']:,} bytes", f"sha256 {row['checksum'][:12]}…"]
    facts += [f"{name} {value}" for name, value in metadata.items() if isinstance(value, (str, int))]
    stage.note(", ".join(facts))
    if row["thumbnail_key"]:
        target = stage.out / f"{path.stem}-thumbnail.webp"
        await stage.objects.download(row["thumbnail_key"], target)
        await stage.expect(f"{path.name} has a thumbnail", lambda: target.stat().st_size > 0, where=str(target))


async def _broken(stage: Stage) -> None:
    """Upload a truncated photograph: it becomes a dead letter with the reason, which is in its row, too."""
    file_id = uuid.uuid4().hex
    whole = (SAMPLES / "astronaut.jpg").read_bytes()
    await stage.objects.put(f"uploads/{USER}/{file_id}", whole[: len(whole) // 3], "image/jpeg")
    await _register(stage, file_id, f"uploads/{USER}/{file_id}", "cut-off.jpg", "image/jpeg")
    letters = await stage.expect(
        "a photograph that was cut off is a dead letter",
        lambda: stage.dead_letters("UPLOAD_DLQ", f"upload-{file_id}"),
        where="stream UPLOAD_DLQ",
    )
    if letters:
        stage.note(f"Dead-Error: {letters[0].headers.get('Dead-Error')}")
