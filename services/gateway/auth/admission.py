"""Admission: who calls, by an API key or a token, and whether there is room for them."""

from starlette.requests import Request

from services.gateway.auth.principal import Principal
from services.gateway.context import GatewayContext
from services.gateway.problems import Problem
from services.gateway.resource import Admit


def admission(context: GatewayContext) -> Admit:
    """Return the function that lets in who may call."""
    del context

    async def admit(request: Request) -> Principal:
        del request
        raise Problem("unauthorized", headers={"WWW-Authenticate": "Bearer"})

    return admit
