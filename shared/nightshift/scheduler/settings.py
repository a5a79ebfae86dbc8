"""The scheduler's settings."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from nightshift.config.settings import ProcessSettings, contracts_problem


class SchedulerSettings(ProcessSettings, frozen=True, kw_only=True):
    """Broker, health and logging, and where more schedules are written."""

    schedules_file: Annotated[
        Path | None,
        Meta(description="TOML file with schedules that are added, changed or switched off; read at start."),
    ] = None

    def check(self) -> Iterable[str]:
        """Yield what is wrong with the address of the broker, and with the package of contracts."""
        yield from super().check()
        yield from contracts_problem(self.contracts_package)
