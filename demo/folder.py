"""A folder of one's own: every file in it is uploaded and worked off, with one line each about what came of it."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from sqlalchemy import select

from demo.runner import Stage
from demo.uploads import add_user, upload
from nightshift.config.redaction import single_line
from nightshift.text import escape_unprintable
from schema.tables import files

_AT_ONCE = 4
_TIMEOUT_SECONDS = 300.0
_LONGEST_REASON = 200


def files_in(given: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield each file with the name to show; folders are walked through, in order, and links to folders left out."""
    for path in given:
        if not path.is_dir():
            yield path, Path(path.name)
            continue
        for inner in sorted(path.rglob("*")):
            if inner.is_file():
                yield inner, inner.relative_to(path)


async def play(stage: Stage, inputs: Sequence[tuple[Path, Path]]) -> None:
    """Work off all files, some at a time; print a line for each, in their order."""
    stage.begin("upload", f"{len(inputs)} files: type, size, thumbnail, or why there is none")
    await add_user(stage)
    free, kinds = asyncio.Semaphore(_AT_ONCE), Counter[str]()

    async def work(path: Path, name: Path) -> tuple[str, str]:
        async with free:
            try:
                return await _worked_off(stage, path, name)
            except OSError as error:
                return "unread", f"cannot be read: {error.strerror or error}"

    for (_, name), task in [(one, asyncio.create_task(work(*one))) for one in inputs]:
        kind, text = await task
        kinds[kind] += 1
        colour = {"shown": "green", "processed": "green", "failed": "yellow"}.get(kind, "red")
        stage.console.print(
            f"  [{colour}]{kind:<9}[/{colour}] {escape(escape_unprintable(str(name)))}  [dim]{escape(text)}[/dim]"
        )
    counted = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "none"
    await stage.expect(f"every file has come to its end: {counted}", lambda: not kinds["waiting"])


async def _worked_off(stage: Stage, path: Path, name: Path) -> tuple[str, str]:
    file_id = await upload(stage, path)
    deadline = asyncio.get_running_loop().time() + _TIMEOUT_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        (row,) = await stage.rows(select(files).where(files.c.id == file_id))
        if row["status"] == "failed":
            reason = str(row["error"])
            return "failed", single_line(reason.partition(" cannot be processed: ")[2] or reason, _LONGEST_REASON)
        if row["status"] == "processed":
            return await _shown(stage, name, row)
        await asyncio.sleep(0.1)
    return "waiting", f"did not come to an end within {_TIMEOUT_SECONDS:g} s"


async def _shown(stage: Stage, name: Path, row: Any) -> tuple[str, str]:
    metadata = dict(row["metadata"] or {})
    facts = [str(row["content_type"]), f"{row['size']:,} bytes"]
    if {"width", "height"} <= metadata.keys():
        facts.append(f"{metadata['width']}x{metadata['height']}")
    facts += [f"{key} {metadata[key]}" for key in ("pages", "encrypted", "damaged", "mislabelled") if metadata.get(key)]
    if row["thumbnail_key"] is None:
        why = single_line(str(metadata.get("notShown", "")), _LONGEST_REASON)
        return "processed", ", ".join([*facts, f"no thumbnail: {why}"])
    target = stage.out / name.with_name(f"{name.name}.webp")
    target.parent.mkdir(parents=True, exist_ok=True)
    await stage.objects.download(row["thumbnail_key"], target)
    return "shown", ", ".join(facts)
