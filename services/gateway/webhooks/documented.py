"""The description of the operation of webhooks."""

from services.gateway.documented import Documented

DOCUMENTED: tuple[Documented, ...] = ()
