"""Save all streams of the broker into a folder, and load them into another broker: a backup, or a move.

`python -m deploy.streams save FOLDER`, `python -m deploy.streams load FOLDER`, with the operator's settings.
"""

import argparse
import asyncio
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy import stream_copies
from deploy.standstill import StillBusyError, resume, standstill
from nightshift.broker import BrokerRefusedError, Connection, connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings, SettingsError, load
from nightshift.config.version_option import add_version
from nightshift.outcomes import Unavailable

SUMS = "SHA256SUMS"
_WAIT_SECONDS = 30.0


class WrongFolderError(Exception):
    """There is no backup, or it is damaged, or what it holds is there already; the text says which."""


async def save_all(connection: Connection, folder: Path, patience_seconds: float) -> list[str]:
    """Write every stream into a folder, which is whole once it is there; return one line for each.

    Nothing is delivered meanwhile, so that no job goes from one stream to another unseen: what comes due during the
    copy is in both of its streams, and ends as a duplicate.

    Raises:
        StillBusyError: a job took longer than `patience_seconds`.
        Unavailable, BrokerRefusedError: the broker is unavailable, or refuses.
    """
    part = _begin(folder)
    streams = await _names(connection)
    done = []
    async with standstill(connection, streams, patience_seconds) as running:
        for stream in streams:
            copy = await stream_copies.save(connection, stream, part, running[stream])
            done.append(f"{stream}: {copy.state['messages']} messages")
    _end(part, folder)
    return done


def _begin(folder: Path) -> Path:
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    return part


def _end(part: Path, folder: Path) -> None:
    """Put a copy in its place, whole, with its sums."""
    sums = [f"{_sum(file)}  {file.name}\n" for file in sorted(part.iterdir())]
    (part / SUMS).write_text("".join(sums), encoding="utf-8")
    if folder.exists():
        shutil.rmtree(folder)
    part.replace(folder)


async def load_all(connection: Connection, folder: Path, replicas: int) -> list[str]:
    """Make every stream of a folder, which the broker must not have; return one line for each.

    Raises:
        WrongFolderError: it is damaged, or the broker has one of its streams.
        Unavailable, BrokerRefusedError: the broker is unavailable, or refuses.
    """
    streams = _checked(folder)
    if there := sorted(set(streams) & set(await _names(connection))):
        raise WrongFolderError(f"the broker has {', '.join(there)} already: load into one that is empty")
    done = []
    for stream in streams:
        copy = await stream_copies.load(connection, stream, folder, replicas)
        for consumer in copy.running:
            await resume(connection, stream, consumer)
        done.append(f"{stream}: {copy.state['messages']} messages, {replicas} cop{'y' if replicas == 1 else 'ies'}")
    return done


async def _names(connection: Connection) -> list[str]:
    """Return all streams; the delayed jobs first, because what comes due meanwhile goes from there into its queue."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            names = list((await manage(connection, "STREAM.NAMES")).get("streams") or [])
            break
        except Unavailable:  # brokers that have just started elect a leader first
            if time.monotonic() > deadline:
                raise
    return sorted(names, key=lambda name: (not name.endswith("_LATER"), name))


def _checked(folder: Path) -> list[str]:
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        wrong = [name for line in lines if _sum(folder / (name := line.split("  ", 1)[1])) != line[:64]]
    except OSError as error:
        raise WrongFolderError(f"{folder} holds no whole backup: {error}") from None
    if wrong:
        raise WrongFolderError(f"{folder} is damaged: {', '.join(wrong)}")
    return [Path(line.split("  ", 1)[1]).stem for line in lines if line.endswith(".json")]


def _sum(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run from the command line; exit code 0: done, 1: it could not be done, 2: wrong settings or folder."""
    options = _parser().parse_args(arguments)
    try:
        settings = load(ProcessSettings, os.environ if environ is None else environ)
        lines = asyncio.run(_run(settings, options))
    except (SettingsError, WrongFolderError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's output
        return 2
    except (StillBusyError, Unavailable, BrokerRefusedError, OSError) as error:
        print(f"streams: {error}", file=sys.stderr)  # noqa: T201 - a command's output
        return 1
    print(*lines, sep="\n")  # noqa: T201 - a command's output
    return 0


async def _run(settings: ProcessSettings, options: argparse.Namespace) -> list[str]:
    connection = await connect(settings, name="streams", wait_seconds=_WAIT_SECONDS)
    try:
        if options.do == "save":
            return await save_all(connection, options.folder, options.patience)
        return await load_all(connection, options.folder, options.replicas)
    finally:
        await connection.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.streams",
        description="Saves the broker's streams (jobs, schedules, dead letters) and their consumers into a folder, or "
        "loads them into a broker that has none. While they are saved no job begins; producers are not refused. "
        "It connects as NATS_URL, NATS_USER and NATS_PASSWORD_FILE say: as the operator.",
        epilog="example: python -m deploy.streams save /backup/monday",
    )
    add_version(parser)
    parser.add_argument("do", choices=("save", "load"), help="which of the two")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where they are written to, or read from")
    parser.add_argument("--replicas", type=int, default=1, help="with load: copies of each stream; 3 in a cluster")
    parser.add_argument(
        "--patience",
        type=float,
        default=120.0,
        metavar="SECONDS",
        help="with save: how long to wait for jobs in flight before it is given up (default: 120)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
