"""The description of the operations of files."""

from services.gateway.documented import Documented

DOCUMENTED: tuple[Documented, ...] = ()
