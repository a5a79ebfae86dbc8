"""Runs the scheduler: `python -m nightshift.scheduler`; `--list` shows the timetable instead."""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

from nightshift.config.settings import SettingsError, describe, load
from nightshift.contract.catalogue import load_catalogue
from nightshift.instants import utc_now
from nightshift.observability.log import configure
from nightshift.runtime.process import WRONG_SETTINGS, run_until_stopped
from nightshift.scheduler.app import serve
from nightshift.scheduler.settings import SchedulerSettings
from nightshift.scheduler.timetable.listing import as_json, as_table, listing
from nightshift.scheduler.timetable.timetable import TimetableError, load_timetable

_FILE = """SCHEDULES_FILE names a TOML file with a table for each schedule that is added or changed:

    [[schedules]]
    name = "sync.often"            # the first token says which service handles it
    schedule = "*/15 * * * *"      # five fields, or six with seconds first
    time_zone = "Europe/Berlin"    # UTC by default
    misfire = "latest"             # after downtime: skip, latest (the default) or all
    enabled = true                 # false switches a schedule off
"""


def main(arguments: Sequence[str] | None = None, *, program: str = "python -m nightshift.scheduler") -> int:
    """Run the command line; return exit code 0 when stopped, 1 when broken, 2 for wrong settings or schedules."""
    options = _parser(program).parse_args(arguments)
    try:
        settings = load(SchedulerSettings, os.environ)
        timetable = load_timetable(load_catalogue(settings.contracts_package), settings.schedules_file)
    except (SettingsError, TimetableError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - before logging is configured
        return WRONG_SETTINGS
    if options.check:
        _print("the settings of scheduler can be used")
        return 0
    if options.list:
        rows = listing(timetable, utc_now())
        _print(as_json(rows) if options.json else as_table(rows))
        return 0
    configure("scheduler", settings.log_format, settings.log_level)
    return run_until_stopped(lambda stop: serve(settings, timetable, stop))


def _print(text: str) -> None:
    try:
        print(text, flush=True)  # noqa: T201 - the command's output
    except BrokenPipeError:  # whoever read the output has seen enough
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="Announces each due time of each schedule as one event, however many replicas run.",
        epilog=f"example: SCHEDULES_FILE=schedules.toml {program} --list\n\n{_FILE}\n"
        f"settings, from the environment:\n\n{describe(SchedulerSettings)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--list", action="store_true", help="show the timetable with the next due times, and exit")
    parser.add_argument("--check", action="store_true", help="read settings and schedules, say what is wrong, and end")
    parser.add_argument("--json", action="store_true", help="with --list: as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
