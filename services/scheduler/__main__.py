"""Runs the scheduler: `python -m services.scheduler`; `--list` shows the timetable instead."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from services.scheduler.listing import as_json, as_table, listing
from services.scheduler.process import serve
from services.scheduler.settings import SchedulerSettings
from services.scheduler.timetable import TimetableError, load_timetable
from shared.log import configure, flush, get_logger
from shared.settings import SettingsError, describe, load

_log = get_logger("scheduler")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; exit code 0 when stopped, 1 when broken, 2 for wrong settings or schedules."""
    options = _parser().parse_args(arguments)
    try:
        settings = load(SchedulerSettings, os.environ)
        timetable = load_timetable(settings.schedules_file)
    except (SettingsError, TimetableError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - before logging is configured
        return 2
    if options.list:
        rows = listing(timetable, datetime.now(UTC))
        print(as_json(rows) if options.json else as_table(rows))  # noqa: T201 - the command's output
        return 0
    configure("scheduler", settings.log_format, settings.log_level)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            return runner.run(serve(settings, timetable))
        except SettingsError as error:
            _log.error("wrong_settings", str(error))
            return 2
        except KeyboardInterrupt:
            return 130
        finally:
            flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.scheduler",
        description="Announces each due time of each schedule as one event, however many replicas run.",
        epilog=f"settings, from the environment:\n\n{describe(SchedulerSettings)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--list", action="store_true", help="show the timetable with the next due times, and end")
    parser.add_argument("--json", action="store_true", help="with --list: as JSON")
    return parser


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - it does not exist on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main())
