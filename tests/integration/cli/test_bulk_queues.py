"""What is done and not removed yet is no backlog: what each command says about a queue that is emptied in bulk."""

from nightshift.broker.jetstream import manage
from nightshift.contract.catalogue import load_catalogue
from nightshift.topology.provisioning import provision_broker
from nightshift.topology.topology import declared_topology
from tests.harness import count, eventually
from tests.integration.cli.harness import Operator
from tests.integration.cli.test_queues import MAIL, row


async def acknowledge(operator: Operator, jobs: int) -> None:
    """Take so many jobs and acknowledge them, as a worker does that dies before it removes anything."""
    subscription = await operator.connection.jetstream().pull_subscribe_bind("email", "EMAIL")
    for message in await subscription.fetch(jobs, timeout=5):
        await message.ack_sync()
    await subscription.unsubscribe()


async def three_of_which_two_are_done(operator: Operator) -> list[str]:
    """Publish and acknowledge; return the ids."""
    receipts = [await operator.publisher.publish(MAIL) for _ in range(3)]
    await acknowledge(operator, 2)
    assert await count(operator.connection, "EMAIL") == 3
    return [receipt.job_id for receipt in receipts]


async def test_what_is_done_is_no_backlog(operator: Operator) -> None:
    """It neither waits nor is it in flight, and the oldest is the one that waits."""
    await three_of_which_two_are_done(operator)
    figures = await row(operator)
    assert (figures["waiting"], figures["inFlight"]) == (1, 0)
    await acknowledge(operator, 1)
    assert (await row(operator))["oldest"] is None


async def test_a_service_is_described_with_how_its_queue_is_emptied(operator: Operator) -> None:
    """For people and for programs."""
    await three_of_which_two_are_done(operator)
    result = await operator.run("queues", "describe", "email")
    assert "EMAIL is emptied in bulk: 2 jobs of it are done and not removed yet" in result.out
    streams = (await operator.run("queues", "describe", "email", "--json")).json["streams"]
    assert {one["stream"]: (one["removal"], one["done"]) for one in streams} == {
        "EMAIL": ("in bulk", 2),
        "EMAIL_LATER": ("one by one", 0),
        "EMAIL_DLQ": ("", 0),
    }
    upload = (await operator.run("queues", "describe", "upload", "--json")).json["streams"]
    assert next(one["removal"] for one in upload if one["stream"] == "UPLOAD") == "one by one"


async def test_a_job_that_is_done_is_not_found_in_the_queue(operator: Operator) -> None:
    """Nor can it be cancelled; the one that waits can."""
    first, _, third = await three_of_which_two_are_done(operator)
    assert (await operator.run("jobs", "find", first, "--type", "email.send")).code == 1
    assert "waiting" in (await operator.run("jobs", "find", third, "--type", "email.send")).out
    assert (await operator.run("jobs", "cancel", first, "--type", "email.send", "--yes")).code != 0
    assert (await operator.run("jobs", "cancel", third, "--type", "email.send", "--yes")).code == 0


async def test_purging_counts_what_is_not_done(operator: Operator) -> None:
    """The question and the answer are about jobs that somebody may miss."""
    await three_of_which_two_are_done(operator)
    result = await operator.run("queues", "purge", "email", "--yes", "--json")
    assert result.json == {"service": "email", "waiting": 1, "later": 0}
    assert await count(operator.connection, "EMAIL") == 0


async def test_doctor_sees_no_orphan_in_what_is_done(operator: Operator) -> None:
    """And nothing wrong with the streams."""
    await three_of_which_two_are_done(operator)
    findings = (await operator.run("doctor", "--json")).json
    assert not [one for one in findings if one["check"] == "queues"]
    assert [one["state"] for one in findings if one["check"] == "topology"] == ["ok"]


async def test_doctor_says_why_nothing_is_removed(operator: Operator) -> None:
    """A consumer of somebody else; then one in the place of ours, which provisioning makes anew."""
    await three_of_which_two_are_done(operator)
    second = {"durable_name": "other", "ack_policy": "explicit", "filter_subject": "jobs.email.>"}
    await manage(
        operator.connection, "CONSUMER.CREATE.EMAIL.other.jobs.email.>", {"stream_name": "EMAIL", "config": second}
    )
    (finding,) = await queues_findings(operator)
    assert (finding["state"], "EMAIL has 2 consumers" in finding["found"]) == ("wrong", True)
    await manage(operator.connection, "CONSUMER.DELETE.EMAIL.other")
    ours = (await manage(operator.connection, "CONSUMER.INFO.EMAIL.email"))["config"]
    await manage(operator.connection, "CONSUMER.DELETE.EMAIL.email")
    create = "CONSUMER.CREATE.EMAIL.email.jobs.email.>"
    await manage(operator.connection, create, {"stream_name": "EMAIL", "config": ours})
    (finding,) = await queues_findings(operator)
    assert "not the one that provisioning made" in finding["found"]
    assert finding["fix"] == "nightshift provision"
    await provision_broker(operator.connection, declared_topology(load_catalogue()))
    await eventually(lambda: _is_well(operator), what="all is well again")


async def _is_well(operator: Operator) -> bool:
    return not await queues_findings(operator)


async def queues_findings(operator: Operator) -> list[dict[str, str]]:
    """What doctor says about queues."""
    return [one for one in (await operator.run("doctor", "--json")).json if one["check"] == "queues"]


async def test_where_bulk_removal_is_switched_off_a_work_queue_is_as_declared(operator: Operator) -> None:
    """And a bulk queue is to be moved."""
    findings = (await operator.run("doctor", "--json", environ={"BULK_REMOVAL": "false"})).json
    told = [one["found"] for one in findings if one["check"] == "topology"]
    assert "stream EMAIL: retention is 'limits', declared 'workqueue'" in told
