"""How an operation is described: from this the OpenAPI document and the page `/docs` are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Schema = Mapping[str, Any]
"""A JSON Schema; wherever in it a `msgspec.Struct` class stands, a reference to that class's schema is meant."""
JSON = "application/json"


@dataclass(slots=True, frozen=True)
class Parameter:
    """A parameter of a request."""

    name: str
    place: Literal["path", "query", "header"]
    description: str
    schema: Schema = field(default_factory=lambda: {"type": "string"})
    example: str | None = None


@dataclass(slots=True, frozen=True)
class Body:
    """A request's body: media type -> what it is."""

    content: Mapping[str, Any]
    description: str = ""
    required: bool = True
    of_job_type: str = ""
    """The valid samples of this job type are its examples."""


@dataclass(slots=True, frozen=True)
class Answer:
    """An answer that is no problem. `headers` are those that matter: name -> meaning."""

    description: str
    content: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, Any] = field(default_factory=dict)
    """OpenAPI's: which operation comes next, with which of its parameters from this answer."""


@dataclass(slots=True, frozen=True)
class Documented:
    """One operation. `name` is unique; `scope` is None where it needs no credentials."""

    method: str
    path: str
    name: str
    area: str
    summary: str
    scope: str | None
    answers: Mapping[int, Answer]
    problems: tuple[str, ...]
    """Codes of `PROBLEMS`, besides those that any operation may have."""
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None


ANY_PROBLEM = ("bad-request", "timeout", "head-too-large", "fault", "busy", "draining")
"""Problems of any operation."""
WITH_CREDENTIALS = ("unauthorized", "forbidden", "too-many-requests", "unavailable")
"""And of those that need credentials."""

IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "header",
    "Makes it safe to repeat the request: the same key is the same work.",
    {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[A-Za-z0-9._~-]+$"},
    "welcome-17",
)
TRACEPARENT = Parameter(
    "traceparent",
    "header",
    "W3C trace context, carried on by the jobs that the request causes.",
    example="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)
