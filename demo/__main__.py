"""The command line of the demo: `python -m demo`, or `make demo`."""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from demo import cleanups, failures, folder, gateway, mails, reports, schedules, syncs, uploads, webhooks
from demo.runner import SCHEDULER, Stage
from demo.sources import write_sources
from nightshift.broker import connect
from nightshift.config.env_settings import load
from nightshift.config.settings import Settings
from nightshift.embedded.processes.binaries import ProgramMissingError
from nightshift.embedded.processes.folder_lock import FolderTakenError
from nightshift.embedded.processes.process import StartFailedError
from nightshift.embedded.services import Service, all_services
from nightshift.embedded.stack import Stack
from nightshift.messaging.publisher import Publisher
from nightshift.observability.log import configure
from nightshift.runtime.composition import database_of
from nightshift.runtime.object_stores import object_store

_PLAYED = frozenset(
    {"email", "upload", "sync", "report", "maintenance", "webhook", "gateway", SCHEDULER, f"{SCHEDULER}-2"}
)
"""The processes that the scenes need. Others, with settings that only their owner knows, are not started."""
_SPACES = "A path with a space needs quotes of its own: make demo FILES=\"'my photo.jpg' b.pdf\""
# Retries are few, so that a dead letter need not be waited for as long as the contracts say.
_SETTINGS = {"LOG_FORMAT": "json", "MAX_RETRIES": "3", "ADMIN_EMAIL": reports.ADMINISTRATOR, **syncs.SETTINGS}


def main() -> int:
    """Run the demo; return 0 if every expectation was met, else 1."""
    arguments = _parser().parse_args()
    for path in arguments.files:
        if not (path.is_file() or path.is_dir()):
            what = "is neither a file nor a folder" if path.exists() else "does not exist"
            print(f"{path} {what}. {_SPACES}", file=sys.stderr)
            return 2
    given = [path.resolve() for path in arguments.files]
    console = Console(soft_wrap=True)
    try:
        if any(path.is_dir() for path in given):
            return asyncio.run(play_files(console, list(folder.files_in(given))))
        return asyncio.run(play(console, given))
    except (FolderTakenError, ProgramMissingError, StartFailedError) as error:
        print(f"The demo could not start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


async def play(console: Console, given: list[Path]) -> int:
    """Start a fresh stack, play every scene, stop everything, and print the results."""
    stack = Stack.fresh("demo", datetime.now(UTC))
    console.print(f"[bold]Nightshift demo[/bold] in {stack.folder}", highlight=False)
    async with _playing(stack, console, _SETTINGS) as stage, syncs.outside(stage) as outside:
        await mails.sent_at_once(stage)
        await uploads.play(stage, given)
        await gateway.play(stage)
        await syncs.play(stage, outside)
        await mails.later(stage)
        await mails.once(stage)
        await webhooks.play(stage)
        await failures.play(stage)
        await reports.play(stage)
        await cleanups.play(stage)
        due = await schedules.play(stage)
        await syncs.after_schedules(stage, due)
        await schedules.led_to_cleanups(stage, due)
        await reports.weekly(stage, due)
    console.print()
    console.print(stage.table())
    _say_where(console, stage)
    return _verdict(console, stage)


async def play_files(console: Console, inputs: list[tuple[Path, Path]]) -> int:
    """Start a fresh stack with what uploads need, work off the files of folders, and stop everything."""
    stack = Stack.fresh("demo", datetime.now(UTC))
    console.print(f"[bold]Nightshift demo[/bold] in {stack.folder}", highlight=False)
    async with _playing(stack, console, {"LOG_FORMAT": "json"}, frozenset({"upload"})) as stage:
        await folder.play(stage, inputs)
    console.print(f"\nthumbnails  {stage.out}", highlight=False)
    console.print(f"logs        {stack.logs}", highlight=False)
    return _verdict(console, stage)


def _verdict(console: Console, stage: Stage) -> int:
    met = len(stage.results) - len(stage.failed)
    console.print(f"[bold]{met} of {len(stage.results)} expectations met[/bold]", highlight=False)
    for result in stage.failed:
        see = f"see {stage.stack.logs}"
        console.print(f"[red]not met:[/red] {result.scene}: {result.expectation}; {see}", highlight=False)
    return 1 if stage.failed else 0


@contextlib.asynccontextmanager
async def _playing(
    stack: Stack, console: Console, settings: Mapping[str, str], played: frozenset[str] = _PLAYED
) -> AsyncIterator[Stage]:
    configure("demo", "text", "error", sys.stderr)
    services: list[Service] = []
    try:
        with console.status("starting broker, object store and mail catcher …"):
            await stack.start()
        with console.status("creating tables, streams and bucket …"):
            await stack.provision()
        write_sources(stack.folder)
        timetable = stack.folder / schedules.TIMETABLE
        extra = {**settings, "SCHEDULES_FILE": str(timetable)}
        services += [one for one in all_services(stack, extra=extra) if one.name in played]
        workers = [service for service in services if not service.name.startswith(SCHEDULER)]
        with console.status(f"starting {len(workers)} service processes …"):
            await asyncio.gather(*(service.start() for service in workers))
            await asyncio.gather(*(service.ready() for service in workers))
        names = ", ".join(service.name for service in services)
        console.print(f"broker {stack.broker.url}, S3 {stack.objects.endpoint}, services {names}", highlight=False)
        async with _stage(stack, services, console) as stage:
            yield stage
    finally:
        with console.status("stopping everything …"):
            await asyncio.gather(*(service.stop() for service in services))
            await stack.stop()


@contextlib.asynccontextmanager
async def _stage(stack: Stack, services: list[Service], console: Console) -> AsyncIterator[Stage]:
    settings = load(Settings, stack.environment())
    out = stack.folder / "out"
    out.mkdir()
    connection = await connect(settings, name="demo")
    database, objects = database_of(settings), object_store(settings)
    try:
        yield Stage(stack, services, connection, Publisher(connection, objects), database, objects, console, out)
    finally:
        await connection.close()
        await database.close()
        await objects.close()


def _say_where(console: Console, stage: Stage) -> None:
    stack = stage.stack
    console.print(f"mails       {stack.mail.mailbox}", highlight=False)
    console.print(f"pages       {stage.out} (reports and thumbnails)", highlight=False)
    console.print(f"database    {stack.database}", highlight=False)
    console.print(f"logs        {stack.logs}", highlight=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="Run the whole stack in a fresh folder under var/, let real jobs run, and check what they did.",
        epilog='example: make demo FILES="photo.jpg contract.pdf"',
    )
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        help="files to upload instead of the samples; folders: every file in them, and nothing else",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
