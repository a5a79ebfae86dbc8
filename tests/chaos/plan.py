"""The schedule of faults: which strikes when, from the seed alone."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.chaos import faults_of_clusters as clusters
from tests.chaos import faults_of_limits as limits
from tests.chaos import faults_of_processes as processes
from tests.chaos import faults_of_servers as servers
from tests.chaos import postgres
from tests.chaos.world import World


@dataclass(frozen=True)
class Fault:
    """One kind of fault. Of one lane only one strikes at a time; `per_minute` is how often on average."""

    strike: Callable[[World, random.Random], Awaitable[None]]
    per_minute: float = 1
    lane: str = ""

    @property
    def name(self) -> str:
        """What it is called in the figures."""
        return self.strike.__name__.replace("_", " ")


@dataclass(frozen=True)
class Strike:
    """One fault at one time, with dice of its own."""

    at_seconds: float
    fault: Fault
    seed: str


FAULTS = (
    Fault(processes.kill_worker, 6),
    Fault(processes.kill_all_workers),
    Fault(processes.kill_mailer, 2),
    Fault(processes.kill_scheduler, 2),
    Fault(processes.kill_producer, 2),
    Fault(processes.end_at_every_fault_point),
    Fault(processes.rolling_restart, 1, "rolling"),
    Fault(processes.zombie, 2, "zombie"),
    Fault(processes.mailer_zombie, 1, "zombie"),
    Fault(processes.killer_job),
    Fault(processes.blocking_job),
    Fault(processes.hanging_job),
    Fault(servers.broker_killed, 1, "broker"),
    Fault(servers.broker_restarted, 1, "broker"),
    Fault(servers.broker_away, 1, "broker"),
    Fault(servers.broker_frozen, 1, "broker"),
    Fault(servers.database_locked, 1, "database"),
    Fault(servers.database_full, 1, "database"),
    Fault(servers.objects_away, 1, "objects"),
    Fault(servers.objects_frozen, 1, "objects"),
    Fault(servers.objects_refused, 2, "objects"),
    Fault(servers.mail_away, 1, "mail"),
    Fault(servers.mail_frozen, 1, "mail"),
    Fault(servers.clock_moved, 2),
    Fault(limits.queue_full, 1, "limits"),
    Fault(limits.dead_letters_full, 1, "limits"),
    Fault(limits.copies_refused, 2, "limits"),
    Fault(limits.disk_full, 1, "broker"),
)
POSTGRES_FAULTS = (
    *(fault for fault in FAULTS if fault.lane != "database"),
    Fault(postgres.postgres_cut, 1, "database"),
    Fault(postgres.postgres_away, 1, "database"),
    Fault(postgres.postgres_locked, 1, "database"),
)
CLUSTER_FAULTS = (
    Fault(processes.kill_worker, 3),
    Fault(processes.kill_scheduler),
    Fault(processes.kill_producer),
    Fault(processes.end_at_every_fault_point),
    Fault(processes.rolling_restart, 1, "rolling"),
    Fault(processes.zombie, 1, "zombie"),
    Fault(limits.queue_full, 1, "limits"),
    Fault(limits.dead_letters_full, 1, "limits"),
    Fault(clusters.leader_killed, 4, "node"),
    Fault(clusters.node_restarted, 1, "node"),
    Fault(clusters.leader_frozen, 1, "node"),
    Fault(clusters.leader_steps_down, 2),
)
"""With three brokers, of which one at a time is struck."""
LONG_AWAY = Fault(servers.broker_away_long, 0, "broker")
TEN_MINUTES_AWAY = Fault(servers.broker_away_ten_minutes, 0, "broker")
LONG_RUN_SECONDS, VERY_LONG_RUN_SECONDS = 500.0, 1100.0
"""From 10 minutes on, and from 20, what comes after the last fault included."""
_CALM_SECONDS = 4.0
"""At the start, so that there is something to strike at."""
_LAST_SECONDS = 6.0


def plan(seed: str, seconds: float, faults: tuple[Fault, ...] = FAULTS) -> list[Strike]:
    """Every fault at least once, and as often as its rate says; the same seed gives the same plan."""
    dice = random.Random(f"{seed}/plan")  # noqa: S311
    strikes = []
    for fault in faults:
        for _ in range(max(1, round(fault.per_minute * seconds / 60))):
            at = dice.uniform(_CALM_SECONDS, max(_CALM_SECONDS, seconds - _LAST_SECONDS))
            strikes.append(Strike(at, fault, str(dice.random())))
    if seconds >= LONG_RUN_SECONDS and faults is not CLUSTER_FAULTS:
        strikes.append(Strike(dice.uniform(60, seconds - 240), LONG_AWAY, str(dice.random())))
    if seconds >= VERY_LONG_RUN_SECONDS and faults is not CLUSTER_FAULTS:
        strikes.append(Strike(dice.uniform(60, seconds - 660), TEN_MINUTES_AWAY, str(dice.random())))
    return sorted(strikes, key=lambda strike: strike.at_seconds)
