"""Now: what needs a person, and every queue as a row."""

from starlette.responses import Response

from nightshift.console.figures.concerns import concerns, seconds_until_empty
from nightshift.console.rights import Right
from nightshift.console.screens.sparkline import sparkline
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
        sparklines={name: sparkline(points) for name, points in sampler.history.items()},
        until_empty=seconds_until_empty,
    )


ROUTES = (Route("GET", "/", show, Right.LOOK),)
