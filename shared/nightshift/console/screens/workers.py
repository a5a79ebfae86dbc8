"""Workers: every process that answers, its version, and how busy it is."""

from starlette.responses import Response

from nightshift.console.rights import Right
from nightshift.console.web.pages import page
from nightshift.console.web.visit import Route, Visit

_LONG_LAG_SECONDS = 0.5


async def show(visit: Visit) -> Response:
    """Show the page."""
    figures = await visit.console.sampler.current()
    workers = figures.sample.workers if figures.sample else []
    return page(
        visit,
        "workers.html.j2",
        command="nightshift workers list",
        figures=figures,
        workers=workers,
        log=visit.console.sampler.workers,
        long_lag=_LONG_LAG_SECONDS,
        versions=sorted({worker.version for worker in workers}),
    )


ROUTES = (Route("GET", "/workers", show, Right.LOOK),)
