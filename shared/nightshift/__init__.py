"""Background jobs and schedules over NATS JetStream: what an application imports.

Every name is imported from its room when it is first used, so that a process loads only what it needs: whoever
publishes jobs loads neither the database library nor the metrics.
"""

from importlib import import_module

from nightshift.version import VERSION

TYPE_CHECKING = False  # as type checkers understand it; `typing` itself would be most of what this loads
if TYPE_CHECKING:
    from typing import Any

    from nightshift.backoff import Retries
    from nightshift.broker import connect
    from nightshift.config.settings import ProcessSettings, Settings
    from nightshift.contract.cron import ScheduleFired
    from nightshift.contract.message import Message
    from nightshift.messaging.awaiting import JobDeadError, JobNotOverError
    from nightshift.messaging.blocking import BlockingPublisher
    from nightshift.messaging.enqueue import cancel_enqueued, enqueue
    from nightshift.messaging.job import Job
    from nightshift.messaging.publisher import Entry, Publisher, Receipt
    from nightshift.messaging.record_done import record_done
    from nightshift.outcomes import Permanent, Skip, Snooze, Unavailable
    from nightshift.runtime.composition import ServiceContext
    from nightshift.service.service import Service
    from nightshift.service.webhooks import Webhooks
    from nightshift.webhooks.handled import WebhookEvent

__version__ = VERSION

__all__ = [
    "BlockingPublisher",
    "Entry",
    "Job",
    "JobDeadError",
    "JobNotOverError",
    "Message",
    "Permanent",
    "ProcessSettings",
    "Publisher",
    "Receipt",
    "Retries",
    "ScheduleFired",
    "Service",
    "ServiceContext",
    "Settings",
    "Skip",
    "Snooze",
    "Unavailable",
    "WebhookEvent",
    "Webhooks",
    "__version__",
    "cancel_enqueued",
    "connect",
    "enqueue",
    "record_done",
]

_PLACES = {
    "BlockingPublisher": "messaging.blocking",
    "Entry": "messaging.publisher",
    "Job": "messaging.job",
    "JobDeadError": "messaging.awaiting",
    "JobNotOverError": "messaging.awaiting",
    "Message": "contract.message",
    "Permanent": "outcomes",
    "ProcessSettings": "config.settings",
    "Publisher": "messaging.publisher",
    "Receipt": "messaging.publisher",
    "Retries": "backoff",
    "ScheduleFired": "contract.cron",
    "Service": "service.service",
    "ServiceContext": "runtime.composition",
    "Settings": "config.settings",
    "Skip": "outcomes",
    "Snooze": "outcomes",
    "Unavailable": "outcomes",
    "WebhookEvent": "webhooks.handled",
    "Webhooks": "service.webhooks",
    "cancel_enqueued": "messaging.enqueue",
    "connect": "broker",
    "enqueue": "messaging.enqueue",
    "record_done": "messaging.record_done",
}
"""Where each name is defined."""


def __getattr__(name: str) -> "Any":
    """Import a name when it is first used (PEP 562)."""
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{place}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
