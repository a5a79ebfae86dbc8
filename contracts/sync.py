"""What may be asked of the sync service."""

from typing import Annotated, ClassVar

from msgspec import Meta

from nightshift.contract.constraints import END, ONE_LINE, ONE_LINE_WORDS, pattern
from nightshift.contract.message import Message

_SERVICE = rf"^[a-z][a-z0-9-]*{END}"
_SERVICE_WORDS = "the name of a service in lower case, such as 'github'"

ServiceName = Annotated[
    str,
    pattern(
        _SERVICE,
        _SERVICE_WORDS,
        max_length=40,
        description="External service, one that the sync service has a connector for.",
        examples=["github", "feed"],
    ),
]


class SyncExternal(Message):
    """Pull what a user has at an external service, through the account that is linked there."""

    SUBJECT: ClassVar[str] = "jobs.sync.external"

    user_id: Annotated[
        str,
        pattern(
            ONE_LINE,
            ONE_LINE_WORDS,
            description="Owner of the linked account, which says where to go and with which credentials. "
            "The account may be committed after the job is published: the job is tried again until it is there.",
            examples=["user-17"],
            min_length=1,
            max_length=200,
        ),
    ]
    service: ServiceName


class SyncAll(Message):
    """Have every active linked account synced: one `sync.external` job each, enqueued page by page.

    `{}` is the whole of what is asked for by hand; `run` and `after` are how one page leads to the next.
    """

    SUBJECT: ClassVar[str] = "jobs.sync.all"

    service: Annotated[ServiceName | None, Meta(description="Only accounts of this service.")] = None
    run: Annotated[
        Annotated[str, pattern(ONE_LINE, ONE_LINE_WORDS, min_length=1, max_length=200)] | None,
        Meta(description="Name of the run: an account gets one job per run. The job's own id if absent."),
    ] = None
    after: Annotated[
        str | None, Meta(description="Go on behind the account with this id; begin with the first if absent.")
    ] = None
