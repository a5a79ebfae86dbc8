"""The rules of every publisher, as tests: subclass `PublisherRules` with fixtures `publisher` and `published`."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple

import pytest

from nightshift.broker.batch import DuplicateInBatchError
from nightshift.contract.message import Message
from nightshift.messaging.publisher import Entry, Publisher
from tests.harness import FollowProbe, RunProbe


class Kept(NamedTuple):
    """A message as the publisher stored it."""

    subject: str
    headers: dict[str, str]
    body: bytes


Published = Callable[[], Awaitable[list[Kept]]]
"""Everything that was published, in order."""


class OtherRun(Message):
    """A job of another service."""

    SUBJECT: ClassVar[str] = "jobs.other.run"


class PublisherRules:
    """What a publisher must do; `publisher` and `published` are fixtures of the subclass."""

    async def test_a_receipt_says_where_the_job_is(self, publisher: Publisher, published: Published) -> None:
        """Subject and stream are the broker's own; body and headers are what the design page says."""
        receipt = await publisher.publish(
            RunProbe(name="a", number=7), job_id="order-17", headers={"traceparent": "00-ab"}
        )
        assert (receipt.job_id, receipt.subject, receipt.stream, receipt.duplicate) == (
            "order-17",
            "jobs.probe.run",
            "PROBE",
            False,
        )
        assert receipt.sequence > 0
        assert await published() == [
            Kept(
                "jobs.probe.run",
                {"Job-Id": "order-17", "Nats-Msg-Id": "probe.run/order-17", "traceparent": "00-ab"},
                b'{"name":"a","number":7}',
            )
        ]

    async def test_a_job_without_an_id_gets_one_that_sorts_by_time(self, publisher: Publisher) -> None:
        """Two publishes are two jobs unless the caller says otherwise."""
        ids = [(await publisher.publish(RunProbe(name="a"))).job_id for _ in range(3)]
        assert len(set(ids)) == 3
        assert [job_id[:11] for job_id in ids] == sorted(job_id[:11] for job_id in ids)

    async def test_the_same_id_twice_is_one_job(self, publisher: Publisher, published: Published) -> None:
        """The second receipt says that the broker had it already."""
        first = await publisher.publish(RunProbe(name="a"), job_id="once")
        second = await publisher.publish(RunProbe(name="b"), job_id="once")
        assert (first.duplicate, second.duplicate) == (False, True)
        assert [message.body for message in await published()] == [b'{"name":"a","number":0}']

    async def test_the_same_id_of_another_type_is_another_job(self, publisher: Publisher) -> None:
        """The type belongs to the identity."""
        await publisher.publish_body("probe.run", b"{}", job_id="shared")
        assert not (await publisher.publish_body("probe.follow", b"{}", job_id="shared")).duplicate

    async def test_a_body_is_published_as_it_is(self, publisher: Publisher, published: Published) -> None:
        """`publish_body` checks nothing: the worker judges it."""
        await publisher.publish_body("probe.run", b"\xffnot JSON", job_id="raw")
        assert (await published())[0].body == b"\xffnot JSON"

    @pytest.mark.parametrize("name", ["job-id", "JobId", "X-Job-Id", "job_claim"])
    async def test_headers_that_are_almost_ours_are_refused(self, publisher: Publisher, name: str) -> None:
        """Beside the right one they would say nothing: whoever passes the id so is told how it is passed."""
        with pytest.raises(ValueError, match=f"'{name}' .do you mean Job-.*pass the id as job_id"):
            await publisher.publish(RunProbe(name="a"), headers={name: "welcome-17"})

    @pytest.mark.parametrize("name", ["Nats-Rollup", "nats-rollup", "NATS-TTL", "Nats-Msg-Id"])
    async def test_it_sends_no_orders_of_its_caller(self, publisher: Publisher, name: str) -> None:
        """On `later.` the broker would obey a rollup, which deletes what the stream holds."""
        with pytest.raises(ValueError, match="orders to the broker"):
            await publisher.publish(RunProbe(name="a"), headers={name: "all"})
        with pytest.raises(ValueError, match="orders to the broker"):
            await publisher.publish_later(RunProbe(name="a"), delay=timedelta(1), headers={name: "all"})

    @pytest.mark.parametrize(
        "job_type",
        ["", "probe", "probe.run 5\r\nPUB x", "probe.*", "probe.>", "probe..run", ".run", "probe.", "probe.run\n"],
    )
    async def test_a_job_type_that_is_none_is_refused(
        self, publisher: Publisher, published: Published, job_type: str
    ) -> None:
        """A type becomes part of a subject, where a wildcard would cancel the jobs of others."""
        for call in (publisher.publish_body(job_type, b"{}"), publisher.cancel(job_type, "x")):
            with pytest.raises(ValueError, match="is no job type"):
                await call
        assert await published() == []

    async def test_each_job_of_a_batch_gets_its_own_receipt(self, publisher: Publisher, published: Published) -> None:
        """In order; types of one service may be mixed."""
        receipts = await publisher.publish_many(
            [RunProbe(name="a"), Entry(FollowProbe(name="b"), job_id="mine"), RunProbe(name="c")]
        )
        messages = await published()
        assert [message.headers["Job-Id"] for message in messages] == [receipt.job_id for receipt in receipts]
        assert [receipt.subject for receipt in receipts] == ["jobs.probe.run", "jobs.probe.follow", "jobs.probe.run"]
        assert receipts[1].job_id == "mine"
        assert [receipt.sequence - receipts[0].sequence for receipt in receipts] == [0, 1, 2]

    @pytest.mark.parametrize("count", [0, 1, 2, 1000])
    async def test_up_to_a_thousand_travel_together(
        self, publisher: Publisher, published: Published, count: int
    ) -> None:
        """None is no error, one needs no batch, a thousand is the broker's own limit."""
        receipts = await publisher.publish_many([RunProbe(name=str(number)) for number in range(count)])
        assert len({receipt.sequence for receipt in receipts}) == count
        assert len(await published()) == count

    @pytest.mark.parametrize(
        "entries",
        [[RunProbe(name="a")] * 1001, [RunProbe(name="a"), OtherRun()]],
        ids=["more than a thousand", "two services"],
    )
    async def test_what_cannot_be_one_batch_is_refused(
        self, publisher: Publisher, published: Published, entries: Sequence[Message]
    ) -> None:
        """All or nothing is a promise of one stream."""
        with pytest.raises(ValueError, match="at most 1000 jobs of one service"):
            await publisher.publish_many(entries)
        assert await published() == []

    @pytest.mark.parametrize("place", [0, 1, 2])
    async def test_an_id_that_is_known_refuses_the_whole_batch(
        self, publisher: Publisher, published: Published, place: int
    ) -> None:
        """Nothing of it is stored, wherever the duplicate stands, and the error says what it is."""
        await publisher.publish(RunProbe(name="there"), job_id=f"known-{place}")
        entries = [Entry(RunProbe(name=str(number)), job_id=f"{place}-{number}") for number in range(3)]
        entries[place] = Entry(RunProbe(name="again"), job_id=f"known-{place}")
        with pytest.raises(DuplicateInBatchError):
            await publisher.publish_many(entries)
        assert len(await published()) == 1

    async def test_an_id_twice_in_one_batch_refuses_it(self, publisher: Publisher, published: Published) -> None:
        """The caller has made a mistake: nothing is stored."""
        with pytest.raises(DuplicateInBatchError):
            await publisher.publish_many(
                [Entry(RunProbe(name="a"), job_id="twice"), Entry(RunProbe(name="b"), job_id="twice")]
            )
        assert await published() == []

    async def test_a_delayed_job_waits_on_a_subject_of_its_own(
        self, publisher: Publisher, published: Published
    ) -> None:
        """The subject is its identity; it carries no message id, with which it could not be replaced."""
        at = datetime(2040, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
        receipt = await publisher.publish_later(RunProbe(name="a"), at=at, job_id="order-17")
        assert receipt.stream == "PROBE_LATER"
        (message,) = await published()
        assert (message.subject, message.body) == (receipt.subject, b'{"name":"a","number":0}')
        assert message.headers["Job-Id"] == "order-17"
        assert message.headers["Nats-Schedule"] == "@at 2040-05-06T07:08:09.123456Z"
        assert message.headers["Nats-Schedule-Target"] == "due.probe.run"
        assert "Nats-Msg-Id" not in message.headers
        assert receipt.subject == "later.probe.run.order-17"

    async def test_a_delayed_job_with_the_same_id_replaces_it(self, publisher: Publisher, published: Published) -> None:
        """One job waits, with the newer body."""
        await publisher.publish_later(RunProbe(name="old"), delay=timedelta(days=9), job_id="one")
        again = await publisher.publish_later(RunProbe(name="new"), delay=timedelta(days=8), job_id="one")
        assert not again.duplicate
        assert [message.body for message in await published()] == [b'{"name":"new","number":0}']

    async def test_a_waiting_job_can_be_cancelled_and_set_again(
        self, publisher: Publisher, published: Published
    ) -> None:
        """True when it was cancelled, False when there is none any more; other jobs stay; setting it again works."""
        for job_id in ("one", "other"):
            await publisher.publish_later(RunProbe(name=job_id), delay=timedelta(days=1), job_id=job_id)
        assert await publisher.cancel("probe.run", "one") is True
        assert await publisher.cancel("probe.run", "one") is False
        assert [message.headers["Job-Id"] for message in await published()] == ["other"]
        again = await publisher.publish_later(RunProbe(name="x"), delay=timedelta(days=1), job_id="one")
        assert not again.duplicate
        assert len(await published()) == 2

    async def test_an_id_that_is_no_token_waits_and_is_cancelled_like_any(
        self, publisher: Publisher, published: Published
    ) -> None:
        """Ids with dots, blanks and wildcards, or of any length, name one job and no other."""
        ids = ["a.b", "*", ">", "a b", "x" * 5000, "ü"]
        for job_id in ids:
            await publisher.publish_later(RunProbe(name="a"), delay=timedelta(days=1), job_id=job_id)
        assert len(await published()) == len(ids)
        for left, job_id in zip(reversed(range(len(ids))), ids, strict=True):
            assert await publisher.cancel("probe.run", job_id)
            assert len(await published()) == left

    @pytest.mark.parametrize(
        ("when", "message"),
        [
            ({}, "either `at` or `delay`"),
            ({"at": datetime(2040, 1, 1, tzinfo=UTC), "delay": timedelta(1)}, "either `at` or `delay`"),
            ({"at": datetime(2040, 1, 1)}, "no time zone"),  # noqa: DTZ001 - the rule under test
        ],
    )
    async def test_a_time_that_is_unclear_is_refused(
        self, publisher: Publisher, published: Published, when: dict[str, Any], message: str
    ) -> None:
        """Neither, both, or an instant without a zone: a ValueError that says what to give."""
        with pytest.raises(ValueError, match=message):
            await publisher.publish_later(RunProbe(name="a"), **when)
        assert await published() == []
