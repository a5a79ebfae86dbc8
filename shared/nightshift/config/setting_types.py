"""Settings that several programs have, each with what it is for."""

from typing import Annotated

from msgspec import Meta

from nightshift.config.env_fields import Pattern

PACKAGE = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
SchemaPackage = Annotated[
    str | None,
    Pattern(PACKAGE, "schema"),
    Meta(
        description="Python package of the application's tables; its migrations are in <package>.migrations. Unset: "
        "schema, if there is one. none: the application has no tables, or migrates them itself."
    ),
]
"""For the processes that look after the database's tables."""
BulkRemoval = Annotated[
    bool,
    Meta(
        description="On a single broker, empty the queues of services whose jobs all have a time limit of a minute or "
        "less in bulk, which does not wait for the broker's disk at each job."
    ),
]
"""For the processes that compare queues with what is declared."""
DatabaseSchema = Annotated[
    str | None,
    Meta(
        description="Schema of Nightshift's own tables on PostgreSQL. Unset: nightshift. The same for `provision` and "
        "all services."
    ),
]
"""For whoever opens the database."""
AppVersion = Annotated[
    str,
    Meta(
        max_length=80,
        description="Version of the application, or its commit, as its image may set it: `nightshift workers list` "
        "and the console show it, and mark deploys by it. Unset: that of Nightshift stands for it.",
    ),
]
"""For every process: what a deploy changes."""
