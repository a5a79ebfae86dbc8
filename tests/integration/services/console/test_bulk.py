"""A redrive of many: a frozen set, a canary, a brake, and a state that outlives the console."""

import asyncio
from pathlib import Path

from nightshift.broker import Connection
from nightshift.broker.jetstream import manage
from nightshift.contract import wire
from nightshift.contract.audit import AuditEntry, read_entry
from nightshift.embedded.servers.broker import Broker
from nightshift.topology.audit_stream import AUDIT_STREAM
from tests.harness import eventually, stored
from tests.integration.services.console import seed
from tests.integration.services.console.bulks import begin_redrive, hidden_in, plan, shows
from tests.integration.services.console.harness import Browser, console, people
from tests.integration.services.console.stand_in import workers


async def die(connection: Connection, error: str, count: int) -> list[str]:
    """Let jobs of one fault die; return their ids."""
    ids = [f"{error.replace(' ', '-')}-{number}" for number in range(count)]
    await asyncio.gather(*(seed.dead(connection, error, job_id=job_id) for job_id in ids))  # before the console looks
    return ids


async def left(connection: Connection, ids: list[str]) -> list[str]:
    """Those that are dead letters."""
    there = [message.headers.get(wire.JOB_ID) for message in await stored(connection, "EMAIL_DLQ")]
    return [job_id for job_id in ids if job_id in there]


async def ends(connection: Connection) -> list[AuditEntry]:
    """How redrives of many have ended, as it is recorded."""
    entries = [read_entry(message.body) for message in await stored(connection, AUDIT_STREAM)]
    return [one for one in entries if one and one.is_end and one.action == "dlq.redrive" and "dead letters" in one.what]


async def test_a_redrive_runs_the_canary_first_and_then_the_others(root: Browser, operator: Connection) -> None:
    """Its plan says how many; its page what became of each; what it did is recorded."""
    ids = await die(operator, "one fault", 30)
    page = await plan(root, "error=one fault", letters=30)
    assert "Redrive 30 dead letters" in page
    assert "30 email.send (attempts-exhausted)" in page
    assert "The command below does it without canary and brake." in page
    async with workers(operator, lambda _: "done") as ran:
        path = await begin_redrive(root, "one fault", letters=30, canary=5)
        text = await shows(root, path, "All were acted on")
        await shows(root, path, "<dt>Done</dt><dd>30</dd>")
    assert ran[:5] == ids[:5]
    assert sorted(ran) == sorted(ids)
    assert await left(operator, ids) == []
    assert "of which 80 percent have to be done" in text
    assert [(one.turn, one.count, one.who) for one in await ends(operator)] == [("done", 30, "root")]


async def test_whoever_does_not_redrive_comes_back_to_the_letters_that_it_was_about(
    root: Browser, operator: Connection
) -> None:
    """Not to all that there are."""
    await die(operator, "not this one", 2)
    for kind in ("redrive", "discard", "export"):
        page = await plan(root, "error=not this one", kind, letters=2)
        assert '<a href="/dead?error=not+this+one">Do nothing</a>' in page, kind


async def test_a_cause_that_is_still_there_stops_it_at_the_canary(root: Browser, operator: Connection) -> None:
    """The others stay dead letters; once it is mended it goes on with another canary."""
    ids, mended = await die(operator, "still there", 20), False
    async with workers(operator, lambda _: "done" if mended else "retry"):
        path = await begin_redrive(root, "still there", letters=20, canary=4)
        await shows(root, path, "of the first 4 jobs failed again: the cause is still there")
        assert await left(operator, ids) == ids[4:]
        mended = True
        asked = (await root.open(f"{path}/go-on")).text
        assert "What it has not come to yet runs again, with the same job ids: 16 letters." in asked
        assert "First comes a new canary of 4; the others wait for its outcome." in asked
        assert "of the first 4 jobs failed again" in asked
        await root.send(f"{path}/go-on", on=f"{path}/go-on")
        text = await shows(root, path, "All were acted on")
    assert "error &#39;still there&#39;; go on after 4<" in text
    assert await left(operator, ids) == []
    assert [(one.turn, one.count) for one in await ends(operator)][-2:] == [("stopped", 4), ("done", 16)]


async def test_it_stops_by_itself_when_later_jobs_fail_again(root: Browser, operator: Connection) -> None:
    """The brake looks at the last fifty."""
    ids = await die(operator, "comes back", 60)
    healthy = set(ids[:15])
    async with workers(operator, lambda job_id: "done" if job_id in healthy else "dead"):
        path = await begin_redrive(root, "comes back", letters=60, canary=5, rate=50)
        await shows(root, path, "jobs failed again: the cause is still there")
    remaining = await left(operator, ids)
    assert 0 < len(remaining) < 45


async def test_what_dies_after_the_plan_was_made_is_not_touched(root: Browser, operator: Connection) -> None:
    """The set is the one that the plan has shown."""
    ids = await die(operator, "frozen set", 3)
    page = await plan(root, "error=frozen set", letters=3)
    late = await seed.dead(operator, "frozen set", job_id="late")
    hidden = hidden_in(page)
    async with workers(operator, lambda _: "done") as ran:
        form = hidden | {"canary": "1", "share": "100", "rate": "1000"}
        first, second = [await root.send("/dead/redrive", **form) for _ in range(2)]
        assert first.url == second.url, "a form that is sent twice begins one"
        await shows(root, first.url.path, "All were acted on")
        await shows(root, first.url.path, "<dt>Done</dt><dd>3</dd>")
    assert sorted(ran) == sorted(ids)
    assert any(message.sequence == late for message in await stored(operator, "EMAIL_DLQ"))


async def test_a_person_stops_it_and_many_are_discarded_only_by_their_number(
    root: Browser, operator: Connection
) -> None:
    """Nothing more is redriven once it was stopped; what is discarded is gone for good."""
    ids = await die(operator, "slow one", 12)
    async with workers(operator, lambda _: "done"):
        path = await begin_redrive(root, "slow one", letters=12, canary=1, rate=0.5)
        await shows(root, path, "It runs")
        await root.send(f"{path}/stop", token=await root.token(path))
        await shows(root, path, "root stopped it")
    remaining = await left(operator, ids)
    assert len(remaining) >= 9
    page = await plan(root, "error=slow one", "discard", letters=len(remaining))
    hidden, count = hidden_in(page), page.partition("Type <code>")[2].partition("<")[0]
    wrong = await root.send("/dead/discard", **hidden, typed="all", reason="a test")
    assert wrong.status_code == 400
    begun = await root.send("/dead/discard", **hidden, typed=count, reason="a test")
    await shows(root, begun.url.path, "All were acted on")
    assert await left(operator, ids) == []


async def test_it_goes_on_after_the_console_was_started_anew(
    broker: Broker, operator: Connection, tmp_path: Path
) -> None:
    """In the middle of its canary, and in the middle of the others; no job runs twice."""
    users = tmp_path / "people.toml"
    users.write_text(people(root="admin"), encoding="utf-8")
    ids = await die(operator, "two consoles", 25)
    async with console(tmp_path, broker, console_users_file=str(users)) as desk, desk.person("root") as root:
        path = await begin_redrive(root, "two consoles", letters=25, canary=3, rate=20)
        await eventually(lambda: _has_left(operator, ids, 22), what="the canary is on its way")
    async with workers(operator, lambda _: "done") as ran:
        async with console(tmp_path, broker, console_users_file=str(users)) as desk, desk.person("root") as root:
            await shows(root, path, "It runs")
        async with console(tmp_path, broker, console_users_file=str(users)) as desk, desk.person("root") as root:
            await shows(root, path, "All were acted on")

        async def all_ran() -> bool:
            return len(ran) == len(ids)

        await eventually(all_ran, what="every job has run")
    assert sorted(ran) == sorted(ids)
    assert await left(operator, ids) == []


async def _has_left(connection: Connection, ids: list[str], count: int) -> bool:
    return len(await left(connection, ids)) <= count


async def test_a_queue_that_refuses_ends_it_with_the_brokers_words(root: Browser, operator: Connection) -> None:
    """Nothing is lost: what was not stored is still a dead letter."""
    ids = await die(operator, "no room", 3)
    config = (await manage(operator, "STREAM.INFO.EMAIL"))["config"]
    await manage(operator, "STREAM.UPDATE.EMAIL", {**config, "max_bytes": 1})
    try:
        path = await begin_redrive(root, "no room", letters=3, canary=1)
        await shows(root, path, "Stopped:")
    finally:
        await manage(operator, "STREAM.UPDATE.EMAIL", config)
    assert await left(operator, ids) == ids


async def test_a_form_that_does_not_say_which_were_shown_means_none(root: Browser, operator: Connection) -> None:
    """Not all of them, as no filter would."""
    ids = await die(operator, "not shown", 2)
    await plan(root, "error=not shown", "discard", letters=2)
    for kind in ("redrive", "discard", "export"):
        form = {"canary": "1", "share": "100", "rate": "1", "typed": "2", "reason": "a test"}
        assert (await root.send(f"/dead/{kind}", **form)).status_code == 400
    assert await left(operator, ids) == ids
