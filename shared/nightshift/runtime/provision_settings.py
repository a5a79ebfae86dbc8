"""The settings of the provision step: sizes and replicas of what it creates."""

from collections.abc import Iterable, Mapping
from typing import Annotated

from msgspec import Meta

from nightshift.config.settings import BulkRemoval, Pattern, SchemaPackage, Secret, Settings, contracts_problem
from nightshift.contract.access import ROLE_PREFIX
from nightshift.contract.catalogue import load_catalogue
from nightshift.database import MigrationError, application_history
from nightshift.database.access import TableAccess, declared_access
from nightshift.database.roles import read_passwords
from nightshift.topology.producers import offered_types
from nightshift.topology.topology import StreamLimits, Topology, declared_topology


class ProvisionSettings(Settings, frozen=True, kw_only=True):
    """The settings of the provision step: sizes and replicas of what it creates."""

    stream_replicas: Annotated[int, Meta(ge=1, le=5, description="Copies of each stream; 3 in a cluster.")] = 1
    queue_max_bytes: Annotated[int, Meta(ge=1 << 20, description="A queue refuses what exceeds it.")] = (
        StreamLimits().queue_bytes
    )
    dead_letter_max_bytes: Annotated[int, Meta(ge=1 << 20, description="The same for a dead-letter stream.")] = (
        StreamLimits().dead_letter_bytes
    )
    events_max_bytes: Annotated[
        int, Meta(ge=1 << 20, description="What is told of jobs is kept in so much space, for three days at most.")
    ] = StreamLimits().event_bytes
    audit_max_bytes: Annotated[
        int,
        Meta(
            ge=1 << 20, description="What people did is kept in so much space, which is reserved; for 400 days at most."
        ),
    ] = StreamLimits().audit_bytes
    bulk_removal: BulkRemoval = True
    schema_package: SchemaPackage = None
    gateway_cors_origins: Annotated[
        tuple[str, ...],
        Meta(
            description="Origins whose pages may upload to the object store directly, such as https://app.example.com: "
            "the bucket's rules for CORS."
        ),
    ] = ()
    database_roles: Annotated[
        Secret | None,
        Meta(
            description="Passwords of the services' roles at PostgreSQL, as a JSON object: creates and updates the "
            "roles. Unset: all services use one user."
        ),
    ] = None
    database_role_prefix: Annotated[
        str,
        Pattern(r"[a-z][a-z0-9_]{0,20}", "nightshift_staging"),
        Meta(
            description="What the names of the roles begin with. Roles belong to a whole server: a second "
            "installation there has another prefix; what makes the credentials is told it, too."
        ),
    ] = ROLE_PREFIX
    outbox_jobs: Annotated[
        tuple[str, ...],
        Meta(
            description="Job types that may be enqueued by SQL, such as email.send,report.*; by default all that are "
            "not internal. Empty (OUTBOX_JOBS=): none."
        ),
    ] = ("*",)
    provision_wait_seconds: Annotated[float, Meta(gt=0, description="How long to wait for what is unavailable.")] = 60

    def check(self) -> Iterable[str]:
        """Yield what is wrong with the package of migrations, too."""
        yield from super().check()
        try:
            if self.roles and self.database_url.reveal().startswith("sqlite"):
                yield "DATABASE_ROLES is set, but SQLite has no roles: leave it out"
        except ValueError as error:
            yield f"DATABASE_ROLES: {error}"
        if not list(contracts_problem(self.contracts_package)):
            try:
                application_history(self.tables)
                self.types_by_sql()
            except MigrationError as error:
                yield f"SCHEMA_PACKAGE: {error}"
            except ValueError as error:
                yield str(error)

    @property
    def tables(self) -> str | None:
        """The package of the application's tables: the setting's, else the one that a service declares."""
        return self.schema_package or load_catalogue(self.contracts_package).schema

    def types_by_sql(self) -> list[str]:
        """Return the job types that may be enqueued by SQL.

        Raises:
            ValueError: one is internal, or matches no type; the text names it.
        """
        catalogue = load_catalogue(self.contracts_package)
        everything = self.outbox_jobs == ("*",)  # which may be nothing
        return catalogue.public() if everything else offered_types(self.outbox_jobs, catalogue, setting="OUTBOX_JOBS")

    @property
    def roles(self) -> dict[str, str]:
        """The passwords of the services' roles, by service; none where all use one user."""
        return read_passwords(self.database_roles.reveal()) if self.database_roles else {}

    @property
    def access(self) -> Mapping[str, TableAccess]:
        """What each role may do with tables.

        Raises:
            MigrationError: nothing says it.
        """
        return declared_access(self.tables, load_catalogue(self.contracts_package).services.values())

    def topology(self) -> Topology:
        """Return the declared topology with these limits."""
        limits = StreamLimits(
            queue_bytes=self.queue_max_bytes,
            dead_letter_bytes=self.dead_letter_max_bytes,
            event_bytes=self.events_max_bytes,
            audit_bytes=self.audit_max_bytes,
        )
        return declared_topology(load_catalogue(self.contracts_package), limits, bulk_removal=self.bulk_removal)
