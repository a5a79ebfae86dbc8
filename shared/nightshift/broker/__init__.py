"""The connection to the broker."""

from nightshift.broker.connect import connect
from nightshift.broker.connection import Connection
from nightshift.broker.errors import BrokerTooOld, NotPermitted, QueueFull, Refused

__all__ = ["BrokerTooOld", "Connection", "NotPermitted", "QueueFull", "Refused", "connect"]
