"""Who is measured, and with which command line each worker runs."""

from dataclasses import dataclass

HERE = "bench.peers"


@dataclass(frozen=True)
class Peer:
    """One job queue; `own` runs in our environment, the others in theirs. `{bin}` is the environment's folder.

    `arguments` go to the process that publishes.
    """

    name: str
    module: str
    worker: tuple[str, ...]
    durability: str
    own: bool = False
    arguments: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    latency: bool = True
    sustained: bool = False
    """Measured as well under a load that goes on: who runs on the same broker, and the two that are used most."""


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return ("{bin}/python", "-m", f"{HERE}.{name}", *arguments)


NATS = "broker writes to disk before it acknowledges"
REDIS = "Redis, append-only file, fsync every second"

PEERS = (
    Peer(
        "plain continuous pull (reference)", "plain_peer", _module("plain_peer"), NATS, own=True, packages=("nats-py",)
    ),
    Peer(
        "plain continuous pull, nothing is removed (reference)",
        "plain_peer",
        _module("plain_peer"),
        NATS,
        own=True,
        arguments=("kept",),
        packages=("nats-py",),
    ),
    Peer("nightshift, at least once", "nightshift_peer", _module("nightshift_peer", "no-op"), NATS, own=True),
    Peer(
        "nightshift, at least once, SLOTS as installed (100)",
        "nightshift_peer",
        _module("nightshift_peer", "no-op", "as-installed"),
        NATS,
        own=True,
    ),
    Peer(
        "nightshift, one row exactly once, SQLite",
        "nightshift_peer",
        _module("nightshift_peer", "effect"),
        NATS + "; a committed row per job",
        own=True,
    ),
    Peer(
        "nightshift, one row exactly once, PostgreSQL",
        "nightshift_peer",
        _module("nightshift_peer", "effect", "postgres"),
        NATS + "; a committed row per job",
        own=True,
    ),
    Peer(
        "by hand, a commit per 100, SQLite (reference)",
        "hand_peer",
        _module("hand_peer", "sqlite"),
        NATS + "; a committed row per job",
        own=True,
        packages=("nats-py",),
        latency=False,
    ),
    Peer(
        "by hand, a commit per 100, PostgreSQL (reference)",
        "hand_peer",
        _module("hand_peer", "postgres"),
        NATS + "; a committed row per job",
        own=True,
        packages=("nats-py", "asyncpg"),
        latency=False,
    ),
    Peer(
        "FastStream, batches",
        "faststream_batch_peer",
        ("{bin}/faststream", "run", f"{HERE}.faststream_batch_peer:app"),
        NATS,
        packages=("faststream",),
        sustained=True,
    ),
    Peer(
        "FastStream, one by one",
        "faststream_peer",
        ("{bin}/faststream", "run", f"{HERE}.faststream_peer:app"),
        NATS,
        packages=("faststream",),
        sustained=True,
    ),
    Peer(
        "taskiq-nats",
        "taskiq_peer",
        ("{bin}/taskiq", "worker", f"{HERE}.taskiq_peer:broker", "--workers", "1", "--max-async-tasks", "500"),
        NATS,
        packages=("taskiq", "taskiq-nats"),
        sustained=True,
    ),
    Peer(
        "dramatiq",
        "dramatiq_peer",
        ("{bin}/dramatiq", f"{HERE}.dramatiq_peer", "--processes", "1", "--threads", "8"),
        REDIS,
        packages=("dramatiq",),
        sustained=True,
    ),
    Peer("huey", "huey_peer", ("{bin}/huey_consumer", f"{HERE}.huey_peer.huey", "-w", "4"), REDIS, packages=("huey",)),
    Peer("SAQ", "saq_peer", ("{bin}/saq", f"{HERE}.saq_peer.settings"), REDIS, packages=("saq",)),
    Peer("arq", "arq_peer", ("{bin}/arq", f"{HERE}.arq_peer.WorkerSettings"), REDIS, packages=("arq",)),
    Peer(
        "Celery",
        "celery_peer",
        (
            *("{bin}/celery", "-A", f"{HERE}.celery_peer", "worker", "--pool", "prefork", "--concurrency", "1"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "ERROR"),
        ),
        REDIS,
        packages=("celery",),
        sustained=True,
    ),
    Peer(
        "procrastinate",
        "procrastinate_peer",
        (
            *("{bin}/procrastinate", "--app", f"{HERE}.procrastinate_peer.app", "worker", "--queues", "bench"),
            *("--concurrency", "30"),
        ),
        "PostgreSQL, a commit per job",
        packages=("procrastinate",),
    ),
)
