"""Optional parts of the package: what they need is named with the command that installs it."""

from collections.abc import Iterator
from contextlib import contextmanager

from nightshift.config.env_settings import SettingsError

_BROUGHT_BY = {
    "aiosqlite": "worker",
    "aiosmtpd": "embedded",
    "alembic": "worker",
    "croniter": "scheduler",
    "httptools": "gateway",
    "jinja2": "gateway",
    "joserfc": "gateway",
    "prometheus_client": "worker",
    "rich": "cli",
    "sqlalchemy": "worker",
    "starlette": "gateway",
    "uvicorn": "gateway",
}
"""What a process loads before it reads its settings, and which extra has it installed."""


@contextmanager
def extra(name: str, purpose: str) -> Iterator[None]:
    """Import a part of the package that needs the extra `name`; `purpose` is the setting that asked for it.

    Raises:
        SettingsError: a distribution that the part imports is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingsError(
            [f"{purpose} needs {error.name}, which is not installed: pip install 'nightshift-jobs[{name}]'"]
        ) from None


def what_to_install(error: ModuleNotFoundError) -> str | None:
    """Return what is missing and how to install it; None where no part of the package asks for it."""
    module = (error.name or "").partition(".")[0]
    extra_name = _BROUGHT_BY.get(module)
    if extra_name is None:
        return None
    return f"this needs {module}, which is not installed: pip install 'nightshift-jobs[{extra_name}]'"
