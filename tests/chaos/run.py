"""One run: builds the world, lets the faults strike, waits for quiet, and judges."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from nightshift.embedded.stack import Stack
from tests.chaos import aftermath, journal, ledger
from tests.chaos.clock import MOVED
from tests.chaos.ledger import Facts, Sent
from tests.chaos.mails import mail_breaches, sent_mails
from tests.chaos.messages import NOTHING
from tests.chaos.plan import FAULTS, Fault, Strike, plan
from tests.chaos.world import Scale, World, all_of, build

_PROGRESS_SECONDS = 10
_TOO_LATE_SECONDS = 25


@dataclass
class Report:
    """What a run found."""

    seed: str
    breaches: list[str] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)


async def run(
    stack: Stack,
    scale: Scale,
    *,
    seed: str,
    fault_seconds: float,
    say: Callable[[str], None],
    faults: tuple[Fault, ...] = FAULTS,
) -> Report:
    """Runs the stack under faults for so long, then until all is quiet. Everything has ended on return."""
    started = time.monotonic()

    def stamped(text: str) -> None:
        say(f"[{time.monotonic() - started:6.1f} s] {text}")

    async with AsyncExitStack() as closing:
        world = await build(stack, scale, seed, stamped, closing)
        for replica in world.replicas:
            closing.push_async_callback(replica.destroy)
        stamped("the stack is up; jobs and faults begin")
        for replica in reversed(world.replicas):
            replica.start()
        world.moved.start()
        watching = asyncio.create_task(world.events.run())
        await _strike(world, plan(seed, fault_seconds, faults), fault_seconds)
        stamped("the last fault is over; waiting until all is quiet")
        await world.moved.stop()
        await all_of([replica.stop() for replica in (*world.producers, *world.schedulers)])
        over = time.monotonic()
        left = await aftermath.quiet(world, stuck_seconds=scale.pace.quiet_seconds)
        stamped(f"all is quiet after {time.monotonic() - over:.0f} s" if not any(left.values()) else "it never is")
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await world.events.look()
        return await _judge(world, seed, left)


async def _strike(world: World, strikes: Sequence[Strike], seconds: float) -> None:
    """Lets every strike happen at its time; those of one lane one after the other."""
    lanes: dict[str, asyncio.Lock] = {}
    began = time.monotonic()

    async def one(strike: Strike) -> None:
        await asyncio.sleep(max(0.0, strike.at_seconds - (time.monotonic() - began)))
        lane = lanes.setdefault(strike.fault.lane, asyncio.Lock()) if strike.fault.lane else asyncio.Lock()
        async with lane:
            if time.monotonic() - began > strike.at_seconds + _TOO_LATE_SECONDS:
                return  # another of its lane took long: striking without a break would be another plan
            world.say(strike.fault.name)
            world.struck[strike.fault.name] += 1
            await strike.fault.strike(world, random.Random(strike.seed))  # noqa: S311

    progress = asyncio.create_task(_progress(world))
    try:
        await asyncio.gather(asyncio.sleep(seconds), *(one(strike) for strike in strikes))
    finally:
        progress.cancel()
        await asyncio.gather(progress, return_exceptions=True)


async def _progress(world: World) -> None:
    while True:
        await asyncio.sleep(_PROGRESS_SECONDS)
        sent = journal.read(world.stack.folder.glob("sent-*.jsonl"))
        accepted = sum(job.answer == "accepted" for job in sent.values())
        ends = sum(sum(replica.ends.values()) for replica in world.replicas)
        world.say(f"{accepted} jobs accepted of {len(sent)} sent; {ends} processes have ended")


async def _judge(world: World, seed: str, left: dict[str, int]) -> Report:
    sent = journal.read(world.stack.folder.glob("sent-*.jsonl"))
    mails = sent_mails(world.stack.folder)
    facts = await aftermath.facts(world)
    facts.left = left
    breaches = [*world.breaches, *ledger.breaches(sent, facts)]
    breaches += mail_breaches(mails, aftermath.arrived(world), await aftermath.dead_mails(world))
    ticks = [due.timestamp() for due in world.events.due.get("chaos.tick", [])]
    breaches += ledger.gaps(ticks, world.scale.tick_seconds)
    breaches += await _redriven(world, sent, facts)
    breaches += aftermath.breaches_seen(world)
    return Report(seed, breaches, _figures(world, sent, facts) | _mail_figures(world, mails))


async def _redriven(world: World, sent: Mapping[str, Sent], facts: Facts) -> list[str]:
    """Sends every dead letter of a job that has an effect once more: nothing may change."""
    works = ledger.both(facts)
    if not works:
        return []
    await aftermath.redrive(world, works)
    await aftermath.quiet(world, stuck_seconds=30)
    again = await aftermath.facts(world)
    if again.effects != facts.effects:
        return [f"a redrive changed effects: {again.effects - facts.effects}"]
    del sent
    return []


def _figures(world: World, sent: Mapping[str, Sent], facts: Facts) -> dict[str, str]:
    answers = Counter(job.answer for job in sent.values())
    notes = world.stack.folder / "notes.txt"
    points = Counter(notes.read_text().splitlines() if notes.exists() else [])
    follow_ups = sum(count for (job_type, _), count in facts.effects.items() if job_type == "chaos.follow")
    moved = sum(count for event, count in facts.events.items() if event.startswith(MOVED))
    dropped = sum(not facts.effects["chaos.tick", event] for event in facts.dropped)
    return {
        "jobs accepted": f"{answers['accepted']} (answers lost: {answers['tried']}, refused: {answers['refused']})",
        "effects": f"{sum(facts.effects.values())}, of them follow-ups {follow_ups}",
        "skipped": str(sum(job.kind in NOTHING for job in sent.values())),
        "dead letters": _counted(Counter(reason for reasons in facts.dead.values() for reason in reasons)),
        "effect and dead letter": f"{len(ledger.both(facts))}, sent once more",
        "innocent dead letters": str(len(ledger.innocents(sent, facts))),
        "events": f"{sum(facts.events.values())}, of them {moved} with a moved clock",
        "events dropped": f"{dropped}, each after an alarm",
        "faults": _counted(world.struck),
        "ends at fault points": _counted(points),
        "ends of processes": _counted(sum((replica.ends for replica in world.replicas), Counter[int]())),
    }


def _mail_figures(world: World, mails: Mapping[str, Sent]) -> dict[str, str]:
    counts = Counter(mail.job_id for mail in aftermath.arrived(world))
    twice = sum(count > 1 for count in counts.values())
    accepted = sum(mail.answer == "accepted" for mail in mails.values())
    return {"mails": f"{accepted} accepted, {len(counts)} received, {twice} of them more than once"}


def _counted(counter: Mapping[str, int] | Mapping[int, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items(), key=lambda item: -item[1])) or "none"
