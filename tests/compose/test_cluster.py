"""Three brokers: one may die under load, strangers stay out, streams get and lose their copies as jobs flow."""

import json
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from tests.compose import work
from tests.compose.cluster import NODES, ClusterProject
from tests.compose.conftest import Eventually
from tests.compose.project import FILES, run
from tests.nats_cli import NatsCli

_STREAMS = ("EMAIL", "EMAIL_LATER", "EMAIL_DLQ", "CRON", "EVENTS")
_METRICS = "from urllib.request import urlopen; print(urlopen('http://127.0.0.1:8080/metrics').read().decode())"
_ROUTE = """
import contextlib, socket, ssl
with contextlib.suppress(OSError), socket.create_connection(("nats", 6222), timeout=5) as raw:
    context = ssl.create_default_context(cafile="/run/credentials/nats-ca.pem")
    context.wrap_socket(raw, server_hostname="nats").recv(65536)
"""


@pytest.fixture(scope="module")
def cluster(_engine: None) -> Iterator[ClusterProject]:
    """What mails need, three brokers, and what tells of them."""
    project = ClusterProject()
    try:
        project.up("--build", "email", "exporter", "nats", "nats-2", "nats-3")
        yield project
    except AssertionError:
        print(project.compose("logs", "--no-color", "--tail", "20", "nats", "nats-2", "provision"))  # noqa: T201 - why it did not come up
        raise
    finally:
        project.remove()


@contextmanager
def load(cluster: ClusterProject, address: str) -> Iterator[Counter[str]]:
    """Mails are published meanwhile, again under the same id where no answer came; yields how many were accepted."""
    accepted, stop = Counter[str](), threading.Event()

    def publish() -> None:
        while not stop.wait(0.05):
            body = work.mail(address) | {"id": uuid4().hex}
            while not stop.is_set():
                try:
                    accepted["mails"] += work.publish(cluster, "email.send", [body], id_field="id")
                    break
                except (OSError, AssertionError, ValueError, KeyError):
                    continue

    cluster.password("producer")
    cluster.password("broker-authority")
    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield accepted
    finally:
        stop.set()
        thread.join()


def metrics(cluster: ClusterProject) -> set[str]:
    """What the exporter tells of the brokers."""
    return set(cluster.compose("exec", "-T", "exporter", "python", "-c", _METRICS).splitlines())


def all_are_sent_once(cluster: ClusterProject, eventually: Eventually, address: str, count: int) -> None:
    """Each mail was sent, and noted as sent once; none is a dead letter."""
    to_them = f"recipients::text LIKE '%{address}%' AND sent_at IS NOT NULL"
    sent = f"SELECT job_id FROM email_deliveries WHERE {to_them}"  # noqa: S608 - its own address
    eventually(lambda: len(cluster.rows(sent)) >= count, "every mail is sent", timeout_seconds=120)
    ids = [row["job_id"] for row in cluster.rows(sent)]
    assert len(ids) == len(set(ids))
    assert work.messages(cluster, "EMAIL_DLQ") == 0


def test_every_stream_has_three_copies(cluster: ClusterProject, eventually: Eventually) -> None:
    """Of which each knows everything."""
    eventually(lambda: cluster.copies(*_STREAMS) == [3] * len(_STREAMS), "three copies of each")


def test_who_does_not_know_the_authority_is_told_nothing(cluster: ClusterProject) -> None:
    """A client without TLS is turned away, one that trusts others sees that it is not them."""
    with pytest.raises((ConnectionResetError, AssertionError)):
        NatsCli(cluster.nats_port, user="operator", password=cluster.password("operator"))
    with socket.create_connection(("127.0.0.1", cluster.nats_port), timeout=5) as raw:
        raw.recv(65_536)
        with pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(raw, server_hostname="localhost")


def test_who_has_no_certificate_is_no_broker_of_the_cluster(cluster: ClusterProject, eventually: Eventually) -> None:
    """Inside of the stack's network, with the authority at hand: the port of the routes asks for one."""

    def turned_away() -> bool:
        cluster.compose("run", "--rm", "-T", "--no-deps", "--entrypoint", "python", "operator", "-c", _ROUTE)
        return "client didn't provide a certificate" in cluster.compose("logs", "--no-color", "nats")

    eventually(turned_away, "the broker says why it turned somebody away")


def test_a_broker_dies_under_load_and_nothing_is_lost(cluster: ClusterProject, eventually: Eventually) -> None:
    """The one that leads the queue, killed; the other two go on, it is told, and it comes back to three."""
    address = f"{uuid4()}@example.com"
    with load(cluster, address) as accepted:
        eventually(lambda: accepted["mails"] > 20, "mails flow")
        dead = cluster.leader("EMAIL")
        cluster.compose("kill", "--signal", "KILL", dead)
        at_death = accepted["mails"]
        eventually(lambda: accepted["mails"] > at_death + 20, "mails flow without it")
        told = {f'nightshift_broker_up{{broker="{name}:8222"}} {float(name != dead)}' for name in NODES}
        eventually(lambda: told <= metrics(cluster), "the exporter tells of it, and of it alone")
        assert any(line.startswith('nightshift_consumer_pending{consumer="email"') for line in metrics(cluster))
        cluster.compose("start", dead)
        eventually(lambda: cluster.copies(*_STREAMS) == [3] * len(_STREAMS), "it is back with all it missed")
    all_are_sent_once(cluster, eventually, address, accepted["mails"])


def test_streams_lose_their_copies_and_get_them_back_as_jobs_flow(
    cluster: ClusterProject, eventually: Eventually
) -> None:
    """`STREAM_REPLICAS=1 docker compose run provision`, then 3: in place, and a queue stays the kind that it is."""
    address = f"{uuid4()}@example.com"
    with cluster.cli() as cli:
        kind = cli.req("$JS.API.STREAM.INFO.EMAIL")["config"]["retention"]
    with load(cluster, address) as accepted:
        for copies in (1, 3):
            before = accepted["mails"]
            cluster.compose("run", "--rm", "-T", "--no-deps", "provision", extra={"STREAM_REPLICAS": str(copies)})
            eventually(lambda: cluster.copies(*_STREAMS) == [copies] * len(_STREAMS), f"{copies} of each")  # noqa: B023 - waited for here
            eventually(lambda: accepted["mails"] > before + 10, "mails flow")  # noqa: B023 - as above
    with cluster.cli() as cli:
        assert cli.req("$JS.API.STREAM.INFO.EMAIL")["config"]["retention"] == kind
    all_are_sent_once(cluster, eventually, address, accepted["mails"])


def move(cluster: ClusterProject, *, to_three: bool) -> str:
    """`deploy/move.sh` between the files with one broker and those with three."""
    one, three = ":".join(FILES), ":".join(cluster.files)
    files = [one, three] if to_three else [three, one]
    extra = cluster.environment | {"COMPOSE_PROJECT_NAME": cluster.name}
    return run(["sh", "deploy/move.sh", *files], timeout_seconds=400, extra=extra)


def test_streams_move_to_one_broker_and_back_as_jobs_come(cluster: ClusterProject, eventually: Eventually) -> None:
    """What was accepted before and in between is done; brokers that hold something are refused, and it goes on."""
    address, count = f"{uuid4()}@example.com", 60
    cluster.compose("stop", "email")
    work.publish(cluster, "email.send", [work.mail(address)] * count)
    cluster.compose("start", "email")
    move(cluster, to_three=False)
    with NatsCli(cluster.nats_port, user="producer", password=cluster.password("producer")) as cli:
        for _ in range(10):
            assert "seq" in cli.req("jobs.email.send", json.dumps(work.mail(address)))
    with pytest.raises(AssertionError, match=r"docker volume rm(.|\n)*goes on as it was"):
        move(cluster, to_three=True)
    run(["docker", "volume", "rm", *(f"{cluster.name}_nats-{number}" for number in (1, 2, 3))])
    move(cluster, to_three=True)
    eventually(lambda: cluster.copies(*_STREAMS) == [3] * len(_STREAMS), "three copies of each")
    all_are_sent_once(cluster, eventually, address, count + 10)
