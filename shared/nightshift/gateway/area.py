"""What a gateway is made of: its settings, its keys, and what it serves besides jobs and webhooks."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from nightshift.gateway.auth.key_table import KEYS, KeyTable
from nightshift.gateway.context import GatewayContext
from nightshift.gateway.operation import Operation
from nightshift.gateway.settings import GatewaySettings

Area = Callable[[GatewayContext, AsyncExitStack], Sequence[Operation]]
"""Returns the operations of an application's own paths, and leaves what closes them on the stack."""


@dataclass(slots=True, frozen=True)
class Gateway:
    """A gateway, by default that of an application which needs no more than its jobs and webhooks over HTTP."""

    settings: type[GatewaySettings] = GatewaySettings
    keys: KeyTable = KEYS
    areas: tuple[Area, ...] = ()


PLAIN = Gateway()
