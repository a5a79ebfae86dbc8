"""Puts a pipeline together from what a service is connected to."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from nightshift.database import Database
from nightshift.messaging.outbox import Outbox
from nightshift.messaging.publisher import Publisher
from nightshift.messaging.tracing import NO_TRACING, Tracing
from nightshift.objects import ObjectStore
from nightshift.observability.metrics import Metrics
from nightshift.worker.circuit_breaker import CircuitBreaker
from nightshift.worker.commit import Committer
from nightshift.worker.crash_loop import CrashLoopGuard
from nightshift.worker.job_news import JobNews
from nightshift.worker.observer import JobObserver
from nightshift.worker.pipeline import Pipeline
from nightshift.worker.policies import DEFAULT_POLICIES, JobLimits, Policies
from nightshift.worker.router import Route
from nightshift.worker.settlement import Settler


def build_pipeline(
    service: str,
    routes: Mapping[str, Route],
    *,
    database: Database,
    objects: ObjectStore,
    publisher: Publisher,
    outbox: Outbox,
    circuit: CircuitBreaker,
    metrics: Metrics,
    limits: JobLimits,
    on_refused: Callable[[], None],
    policies: Policies = DEFAULT_POLICIES,
    tracing: Tracing = NO_TRACING,
    news: JobNews | None = None,
) -> Pipeline:
    """Build the pipeline of a service that has these routes.

    `publisher` stores copies for later and dead letters, `outbox` publishes follow-up jobs.
    """
    committer, guard = Committer(database, now=policies.now), CrashLoopGuard(service, database, now=policies.now)
    settler = Settler(
        publisher,
        committer=committer,
        outbox=outbox,
        objects=objects,
        guard=guard,
        circuit=circuit,
        on_refused=on_refused,
        policies=policies,
    )
    return Pipeline(
        service,
        {name: replace(route, handler=tracing.within_span(route.handler)) for name, route in routes.items()},
        committer=committer,
        settler=settler,
        guard=guard,
        objects=objects,
        observer=JobObserver(metrics, tracing, news=news),
        circuit=circuit,
        limits=limits,
        policies=policies,
    )
