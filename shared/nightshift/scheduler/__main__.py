"""Runs the scheduler: `python -m nightshift.scheduler`; `--list` shows the timetable instead."""

import os
import sys
from collections.abc import Mapping, Sequence

from nightshift.config.program_parser import fail
from nightshift.config.settings import SettingsError, describe, load
from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.declaration import DeclarationError
from nightshift.instants import utc_now
from nightshift.observability.log import configure
from nightshift.observability.standard_output import say
from nightshift.runtime.process import run_until_stopped
from nightshift.scheduler.app import serve
from nightshift.scheduler.arguments import scheduler_parser
from nightshift.scheduler.settings import SchedulerSettings
from nightshift.scheduler.timetable.listing import as_json, as_table, listing
from nightshift.scheduler.timetable.timetable import TimetableError, load_timetable


def main(
    arguments: Sequence[str] | None = None,
    *,
    program: str = "python -m nightshift.scheduler",
    environ: Mapping[str, str] | None = None,
) -> int:
    """Run the command line; return exit code 0 when stopped, 1 when broken, 2 for wrong settings or schedules.

    `arguments` and `environ` are those of the process unless given.
    """
    described = f"settings, from the environment:\n\n{describe(SchedulerSettings)}"
    options = scheduler_parser(program, described).parse_args(arguments)
    named = {"CONTRACTS_PACKAGE": options.module} if options.module else {}
    try:
        settings = load(SchedulerSettings, {**(os.environ if environ is None else environ), **named})
        timetable = load_timetable(load_catalogue(settings.contracts_package), settings.schedules_file)
    except (DeclarationError, SettingsError, TimetableError) as error:
        return fail("", str(error))
    if options.check:
        say("the settings of scheduler can be used")
        return 0
    if options.list:
        rows = listing(timetable, utc_now())
        say(as_json(rows) if options.json else as_table(rows))
        return 0
    configure("scheduler", settings.log_format, settings.log_level)
    return run_until_stopped(lambda stop: serve(settings, timetable, stop))


if __name__ == "__main__":
    sys.exit(main())
