"""Workers: every process that answers, its version, and how busy it is."""

from starlette.responses import Response

from nightshift.console.rights import Right
from nightshift.console.web.pages import page
from nightshift.console.web.visit import Route, Visit


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
        versions=sorted({worker.version for worker in workers}),
    )


ROUTES = (Route("GET", "/workers", show, Right.LOOK),)
