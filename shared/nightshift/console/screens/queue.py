"""Queue: how full it is, its types, what waits in it, and its workers."""

import asyncio
from datetime import timedelta

from starlette.responses import Response

from nightshift.cli.queries.discover_workers import workers_of
from nightshift.cli.queries.type_rows import type_rows
from nightshift.console.figures.concerns import concerns_of, seconds_until_empty, until_full
from nightshift.console.figures.reading import Sample
from nightshift.console.figures.shared_answers import Question
from nightshift.console.rights import Right
from nightshift.console.screens.waiting import waiting_page
from nightshift.console.screens.waiting_chart import waiting_chart
from nightshift.console.web.pages import page
from nightshift.console.web.refused import Refused
from nightshift.console.web.visit import Route, Visit
from nightshift.topology.topology import dead_letter_stream, later_stream, queue_stream


async def show(visit: Visit) -> Response:
    """Show the page of one service's queue."""
    console, service = visit.console, visit.path["service"]
    if service not in console.services:
        raise Refused(404, f"There is no queue {service[:60]!r}. There are: {', '.join(console.services)}.")
    figures = await console.sampler.current()
    sample = figures.sample
    mine = workers_of(sample.workers, service) if sample else []
    consumer = sample.consumer(service) if sample else None
    catalogue, query = console.operator.catalogue, visit.query
    asked = ("waiting", service, *(query.get(name, "") for name in ("type", "after", "at")))
    types, waiting = await asyncio.gather(
        console.answers.of(
            Question(("types", service), 2), lambda: type_rows(console.connection, catalogue, service, mine)
        ),
        console.answers.of(Question(asked, 1), lambda: waiting_page(console.connection, service, query, consumer)),
    )
    row = sample.queue(service) if sample else None
    streams = (queue_stream(service), later_stream(service), dead_letter_stream(service))
    return page(
        visit,
        "queue.html.j2",
        command=f"nightshift queues describe {service}",
        service=service,
        figures=figures,
        row=row,
        concerns=list(concerns_of(row, sample)) if row and sample else [],
        fills=[sample.fills[name] for name in streams if name in sample.fills] if sample else [],
        types=types,
        waiting=waiting,
        workers=mine,
        chart=waiting_chart(console, service),
        until_empty=seconds_until_empty,
        full_in=_full_in(sample, service) if sample else None,
    )


def _full_in(sample: Sample, service: str) -> timedelta | None:
    fill = sample.fills.get(queue_stream(service))
    return until_full(sample.queue(service), fill) if fill is not None else None


ROUTES = (Route("GET", "/queues/{service}", show, Right.LOOK),)
