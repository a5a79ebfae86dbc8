"""The messages of the sync service."""

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
        description="External service; the sync service needs a connector for it.",
        examples=["github", "feed"],
    ),
]


class SyncExternal(Message):
    """Pull a user's data from an external service, through the account that is linked there."""

    SUBJECT: ClassVar[str] = "jobs.sync.external"

    user_id: Annotated[
        str,
        pattern(
            ONE_LINE,
            ONE_LINE_WORDS,
            description="Owner of the linked account, which holds the address and the credentials. "
            "The account may be committed after the job is published: the job is retried until the account exists.",
            examples=["user-17"],
            min_length=1,
            max_length=200,
        ),
    ]
    service: ServiceName


class SyncAll(Message):
    """Sync every active linked account: enqueue one `sync.external` job for each, page by page.

    Operators send `{}`; the service itself sets `run` and `after` in the job for the next page.
    """

    SUBJECT: ClassVar[str] = "jobs.sync.all"

    service: Annotated[ServiceName | None, Meta(description="Only accounts of this service.")] = None
    run: Annotated[
        Annotated[str, pattern(ONE_LINE, ONE_LINE_WORDS, min_length=1, max_length=200)] | None,
        Meta(description="Name of the run: an account gets one job per run. The job's own id if absent."),
    ] = None
    after: Annotated[
        str | None, Meta(description="Continue after the account with this id; begin with the first if absent.")
    ] = None
