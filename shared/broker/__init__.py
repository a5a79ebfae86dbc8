"""The connection to the broker."""

from shared.broker.connecting import connect
from shared.broker.connection import Connection
from shared.broker.errors import BrokerTooOld, NotPermitted, QueueFull, Refused

__all__ = ["BrokerTooOld", "Connection", "NotPermitted", "QueueFull", "Refused", "connect"]
