"""The scheduler's settings."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from nightshift.config.settings import ProcessSettings


class SchedulerSettings(ProcessSettings, frozen=True, kw_only=True):
    """Broker, health and logging, and where more schedules are written."""

    schedules_file: Annotated[
        Path | None,
        Meta(description="TOML file with schedules that are added, changed or switched off; read at start."),
    ] = None
