"""The circuit breaker: open while something of ours is away."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from nightshift.observability.metrics import Metrics
from nightshift.outcomes import Unavailable
from nightshift.worker.circuit_breaker import CircuitBreaker
from nightshift.worker.policies import Policies
from tests.harness import eventually


class Component:
    """Answers when it is `there`; `asked` counts."""

    def __init__(self) -> None:
        self.there = False
        self.asked = 0

    async def __call__(self) -> None:
        """As a probe."""
        self.asked += 1
        await asyncio.sleep(0)
        if not self.there:
            raise Unavailable("database", "still away")


@pytest.fixture
def component() -> Component:
    """A component that is unavailable."""
    return Component()


@pytest.fixture
async def circuit(component: Component) -> AsyncIterator[CircuitBreaker]:
    """A circuit that probes it every few milliseconds."""
    policies = Policies(first_probe_seconds=0.001, last_probe_seconds=0.004)
    made = CircuitBreaker({"database": component, "objects": component}, Metrics(), policies)
    yield made
    await made.stop()


async def test_it_opens_at_the_first_outage_and_closes_at_the_first_answer(
    circuit: CircuitBreaker, component: Component
) -> None:
    """Whoever waits for it is told once."""
    closings = 0
    closed = asyncio.Event()

    def on_close() -> None:
        nonlocal closings
        closings += 1
        closed.set()

    circuit.on_close = on_close
    assert circuit.closed
    circuit.trip(Unavailable("database", "gone"))
    circuit.trip(Unavailable("database", "gone"))
    assert circuit.unavailable == ["database"]
    await eventually(lambda: component.asked >= 4)
    assert circuit.unavailable
    component.there = True
    await asyncio.wait_for(closed.wait(), 5)
    assert circuit.closed
    assert closings == 1


async def test_it_stays_open_while_one_of_two_is_away(circuit: CircuitBreaker, component: Component) -> None:
    """Pulling needs all of them."""
    circuit.trip(Unavailable("database", "gone"))
    circuit.trip(Unavailable("objects", "gone"))
    assert circuit.unavailable == ["database", "objects"]
    component.there = True
    await eventually(lambda: circuit.closed)


async def test_what_nobody_can_probe_does_not_open_it(circuit: CircuitBreaker) -> None:
    """Or it would never close."""
    circuit.trip(Unavailable("weather", "rain"))
    assert circuit.closed


async def test_it_shows_in_the_metrics(circuit: CircuitBreaker, component: Component) -> None:
    """An operator sees that jobs wait, and for what."""
    circuit.trip(Unavailable("database", "gone"))
    shown = circuit._metrics.exposition()[0].decode()
    assert 'nightshift_circuit_open{component="database"} 1.0' in shown
    assert 'nightshift_circuit_open{component="objects"} 0.0' in shown
    component.there = True
    await eventually(lambda: circuit.closed)
    assert 'nightshift_circuit_open{component="database"} 0.0' in circuit._metrics.exposition()[0].decode()


async def test_the_wait_of_a_job_that_met_an_outage_is_spread(circuit: CircuitBreaker) -> None:
    """All jobs in hand met it at once; they must not come back at once."""
    waits = {circuit.delay().total_seconds() for _ in range(50)}
    assert len(waits) > 40
    assert all(2 <= wait <= 10 for wait in waits)
