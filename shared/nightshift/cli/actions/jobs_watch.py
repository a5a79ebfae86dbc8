"""`nightshift jobs watch`: how far a job is, until it is over."""

import argparse

from nightshift.cli.actions.jobs import named_types
from nightshift.cli.actions.wait import Ending, Followed, follow
from nightshift.cli.client.context import Context
from nightshift.cli.queries.job_search import find_locations
from nightshift.cli.queries.location import Location
from nightshift.cli.terminal.exit_codes import ANSWER_IS_NO, DONE, CommandError
from nightshift.cli.terminal.formatting import format_instant


class JobEnding(Ending, frozen=True, kw_only=True):
    """How a job ended, and which job it is."""

    type: str
    job_id: str


async def run(context: Context, options: argparse.Namespace) -> int:
    """Watch a job until it is over; exit code 1 if it is dead or gone, or was not over in time."""
    with context.output.busy("looking for the job …"):
        places = await find_locations(context, options.id, named_types(context, options))
    if not places:
        raise CommandError(f"job {options.id} was not found; jobs that are done are kept for 60 days", ANSWER_IS_NO)
    place = places[0]
    if place.state == "dead":
        ending = Ending(state="dead", at=place.at, detail=place.detail, attempt=place.attempt)
        context.output.line(f"dead at {format_instant(place.at)}  {place.detail}", "bold red")
    else:
        ending = await follow(context, _followed(place, options.id), options.wait_for)
    if context.output.as_json:
        fields = {name: getattr(ending, name) for name in ending.__struct_fields__}
        context.output.json(JobEnding(type=place.type, job_id=options.id, **fields))
    return DONE if ending.state == "done" else ANSWER_IS_NO


def _followed(place: Location, job_id: str) -> Followed:
    return Followed(place.type, job_id, place.stream, place.sequence)
