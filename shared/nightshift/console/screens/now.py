"""Now: what needs a person, and every queue as a row."""

from collections import Counter
from collections.abc import Mapping

from starlette.responses import Response

from nightshift.console.figures.concerns import concerns, seconds_until_empty
from nightshift.console.figures.reading import Sample
from nightshift.console.rights import Right
from nightshift.console.screens.waiting_chart import waiting_chart
from nightshift.console.web.pages import page
from nightshift.console.web.visit import Route, Visit


async def show(visit: Visit) -> Response:
    """Show the page."""
    sampler = visit.console.sampler
    figures = await sampler.current()
    sample = figures.sample
    return page(
        visit,
        "now.html.j2",
        command="nightshift queues list",
        figures=figures,
        concerns=concerns(sample) if sample else [],
        rows=sample.queues if sample else [],
        charts={name: waiting_chart(visit.console, name) for name in sampler.history},
        until_empty=seconds_until_empty,
        slots=_slots(sample) if sample else {},
    )


def _slots(sample: Sample) -> Mapping[str, int]:
    """Return how many jobs the workers of each service that answer can run at a time."""
    found = Counter[str]()
    for worker in sample.workers:
        found[worker.service] += worker.slots
    return found


ROUTES = (Route("GET", "/", show, Right.LOOK),)
