"""The settings of the command line: from flags, the environment, or a running embedded stack."""

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from nightshift.cli.client.command import CONNECTION
from nightshift.config import env_file
from nightshift.config.datastore_settings import invalid_urls
from nightshift.config.datastore_urls import ACCESS_KEY, BUCKET, DATABASE, ENDPOINT, REGION
from nightshift.config.object_login import half_a_login
from nightshift.config.setting_types import DatabaseSchema
from nightshift.config.settings import BulkRemoval, ProcessSettings, SchemaPackage, Secret, contracts_problem, load


class OperatorSettings(ProcessSettings, frozen=True, kw_only=True):
    """The broker; and database and object store, which some commands need and not every operator may use."""

    database_url: Annotated[
        Secret | None,
        DATABASE,
        Meta(description="Address of the database; tells which jobs are done."),
    ] = None
    database_ca_file: Annotated[Path | None, Meta(description="Who signed the database's certificate (PEM).")] = None
    database_schema: DatabaseSchema = None
    s3_endpoint: Annotated[str | None, ENDPOINT, Meta(description="The object store.")] = None
    s3_access_key: Annotated[str | None, ACCESS_KEY, Meta(description="Access key at the object store.")] = None
    s3_secret_key: Annotated[Secret | None, Meta(description="Secret key at the object store.")] = None
    s3_bucket: Annotated[str, BUCKET, Meta(description="Bucket that holds files and claims.")] = "nightshift"
    s3_region: Annotated[str, REGION, Meta(description="Region that requests are signed for.")] = "us-east-1"
    s3_ca_file: Annotated[Path | None, Meta(description="Who signed the object store's certificate (PEM).")] = None
    gateway_url: Annotated[
        str | None,
        ENDPOINT,
        Meta(description="Address of the gateway, if there is one; doctor asks whether it answers."),
    ] = None
    schema_package: SchemaPackage = None
    bulk_removal: BulkRemoval = True
    audit_file: Annotated[
        Path | None,
        Meta(
            description="File of actions that could not be recorded, until they are; by default "
            "nightshift/unrecorded-actions.jsonl in XDG_STATE_HOME."
        ),
    ] = None
    schedules_file: Annotated[Path | None, Meta(description="The scheduler's file of schedules.")] = None

    def check(self) -> Iterable[str]:
        """Yield what is wrong with the package of contracts, with the known addresses, and with whom to trust there."""
        yield from super().check()
        yield from contracts_problem(self.contracts_package)
        yield from invalid_urls(self)
        yield from half_a_login(self)


def environment(options: argparse.Namespace, environ: Mapping[str, str], stack: Path) -> tuple[dict[str, str], str]:
    """Return the settings in effect, and a description of where the broker's address comes from."""
    flags = {name: value for option, name in CONNECTION.items() if (value := getattr(options, option, None))}
    if "NATS_URL" in flags:
        return {**environ, **flags}, "--url"
    if environ.get("NATS_URL"):
        return {**environ, **flags}, "NATS_URL"
    running = env_file.read(stack)
    if running:
        return {**environ, **running, **flags}, f"the embedded stack in {stack}"
    return {**environ, **flags}, "the default, since NATS_URL is not set and no embedded stack runs"


def settings(environ: Mapping[str, str]) -> OperatorSettings:
    """Load the settings.

    Raises:
        SettingsError: some are wrong; the text names all of them.
    """
    return load(OperatorSettings, environ)
