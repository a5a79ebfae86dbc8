"""Which application answers a path."""

from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from nightshift.gateway.paths import Paths


class Named:
    """Notes that it was asked, and with which parameters."""

    def __init__(self, name: str, asked: list[tuple[str, Any]]) -> None:
        self._name, self._asked = name, asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer nothing."""
        del receive, send
        self._asked.append((self._name, scope.get("path_params")))


PATHS = ("/v1/jobs/{type}", "/v1/jobs/{type}/batch", "/v1/jobs/{type}/{id:path}/events", "/v1/jobs/{type}/{id:path}")


@pytest.mark.parametrize(
    ("path", "answers", "parameters"),
    [
        ("/v1/jobs/email.send", PATHS[0], {"type": "email.send"}),
        ("/v1/jobs/email.send/batch", PATHS[1], {"type": "email.send"}),
        ("/v1/jobs/email.send/user:ada:a/b", PATHS[3], {"type": "email.send", "id": "user:ada:a/b"}),
        ("/v1/jobs/email.send/a/events", PATHS[2], {"type": "email.send", "id": "a"}),
        ("/v1/jobs/email.send/", PATHS[3], {"type": "email.send", "id": ""}),
        ("/v1/jobs/", "default", None),
        ("/v1/jobs", "default", None),
        ("/v1/jobs/a\nb", PATHS[0], {"type": "a\nb"}),
        ("x/v1/jobs/email.send", "default", None),
        ("", "default", None),
    ],
)
async def test_the_first_path_that_fits_answers(path: str, answers: str, parameters: dict[str, str] | None) -> None:
    """With the parameters as they were typed; what fits none goes to the default."""
    asked = list[tuple[str, Any]]()
    paths = Paths({name: Named(name, asked) for name in PATHS}, Named("default", asked))
    nobody: Any = None
    await paths({"type": "http", "path": path}, nobody, nobody)
    assert asked == [(answers, parameters)]
