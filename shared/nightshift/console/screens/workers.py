"""Workers: every process that answers, its version, and how busy it is."""

from collections.abc import Sequence

from starlette.responses import Response

from nightshift.console.rights import Right
from nightshift.console.web.pages import page
from nightshift.console.web.visit import Route, Visit
from nightshift.topology.discovery import WorkerInfo

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
        mixed=_mixed(workers),
    )


def _mixed(workers: Sequence[WorkerInfo]) -> dict[str, list[str]]:
    """Return the services of which several releases run, and which."""
    releases: dict[str, set[str]] = {}
    for worker in workers:
        releases.setdefault(worker.service, set()).add(worker.release)
    return {service: sorted(found) for service, found in sorted(releases.items()) if len(found) > 1}


ROUTES = (Route("GET", "/workers", show, Right.LOOK),)
