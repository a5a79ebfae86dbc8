"""Now: what needs a person, and every queue as a row."""

from starlette.responses import Response

from services.console.figures.concerns import concerns, seconds_until_empty
from services.console.rights import Right
from services.console.screens.sparkline import sparkline
from services.console.web.pages import page
from services.console.web.visit import Route, Visit


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
