"""The arguments of the scheduler, apart from it, so that help and mistakes need none of what it needs."""

import argparse

from nightshift.config.program_parser import ProgramParser
from nightshift.config.version_option import add_version

_FILE = """SCHEDULES_FILE names a TOML file with a table for each schedule that is added or changed:

    [[schedules]]
    name = "sync.often"            # the first token says which service handles it
    schedule = "*/15 * * * *"      # five fields, or six with seconds first
    time_zone = "Europe/Berlin"    # UTC by default
    misfire = "latest"             # after downtime: skip, latest (the default) or all
    enabled = true                 # false switches a schedule off
"""


def scheduler_parser(program: str, settings: str) -> ProgramParser:
    """Return the parser; `settings` describes them, or says where they are described."""
    parser = ProgramParser(
        prog=program,
        description="Announces each due time of each schedule as one event, however many replicas run.",
        epilog=f"example: SCHEDULES_FILE=schedules.toml {program} --list\n\n{_FILE}\n{settings}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "module",
        metavar="MODULE",
        nargs="?",
        help="the module, or package, that declares services, or has contracts (CONTRACTS_PACKAGE)",
    )
    parser.add_argument("--list", action="store_true", help="show the timetable with the next due times, and exit")
    parser.add_argument("--check", action="store_true", help="read settings and schedules, say what is wrong, and end")
    parser.add_argument("--json", action="store_true", help="with --list: as JSON")
    add_version(parser)
    return parser
