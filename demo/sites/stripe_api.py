"""A stand-in for the part of Stripe's API that gives one object (https://docs.stripe.com/api)."""

import json
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from demo.sites.http_site import Reply, Request

_JSON = {"Content-Type": "application/json"}


@dataclass
class StripeApi:
    """Objects by their path; `keys` are let in. `script` holds answers that are given before anything else."""

    keys: set[str] = field(default_factory=set)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    script: deque[Reply | bytes] = field(default_factory=deque)

    async def respond(self, request: Request) -> Reply | bytes:
        """Answer as the API does."""
        if self.script:
            return self.script.popleft()
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if key not in self.keys:
            return self.error(401, f"Invalid API Key provided: {key[:7]}*****")
        if request.path.startswith("/v2/") and "stripe-version" not in request.headers:
            return self.error(400, "Please specify a Stripe-Version header.")
        found = self.objects.get(request.path)
        if found is None:
            return self.error(404, f"No such object: '{request.path.rpartition('/')[2]}'")
        return Reply(200, _JSON, json.dumps(found).encode())

    @staticmethod
    def error(status: int, message: str, **headers: str) -> Reply:
        """Return an error as the API writes it."""
        kind = {401: "authentication_error", 429: "rate_limit_error"}.get(status, "invalid_request_error")
        body = {
            "error": {"type": kind if status < HTTPStatus.INTERNAL_SERVER_ERROR else "api_error", "message": message}
        }
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Reply(status, _JSON | named, json.dumps(body).encode())
