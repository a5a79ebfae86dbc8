"""Which service publishes and consumes what, as data for permissions, documents and tests."""

PUBLISHES: dict[str, tuple[str, ...]] = {
    "email": (),
    "upload": (),
    "sync": ("sync.all", "sync.external"),
    "report": ("report.generate", "email.send"),
    "maintenance": (
        "maintenance.sessions",
        "maintenance.activity",
        "maintenance.files",
        "maintenance.claims",
        "maintenance.inbox",
    ),
    "webhook": ("webhook.refresh", "email.send", "sync.external"),
}
"""Service -> the job types that it enqueues. The broker does not let it publish others."""

GATEWAYS: dict[str, tuple[str, ...]] = {"gateway": ("upload.process", "webhook.received")}
"""Process that takes requests from outside and works no job off -> the job types that it enqueues of its own accord.

What its callers may enqueue is a setting of the deployment: `GATEWAY_JOBS`.
"""

INTERNAL: frozenset[str] = frozenset({"sync.all", *PUBLISHES["maintenance"], "webhook.received", "webhook.refresh"})
"""Job types that only the product's own services and the operator publish, never a producer.

`webhook.received` says that a signature was checked, so of all processes only the gateway publishes it.
"""

COUNTS_DEAD_LETTERS: frozenset[str] = frozenset({"report"})
"""Services that ask the broker for the number of dead letters; the answer contains no job."""

EVENT_CONSUMERS: dict[str, str] = {"sync": "sync", "report": "report", "cleanup": "maintenance"}
"""First token of a schedule's name -> the service that handles its events."""
