"""Talk to NATS: connection, headers, deliveries, stored messages."""

from nightshift.broker.connect import connect
from nightshift.broker.connection import Connection
from nightshift.broker.errors import BrokerRefusedError, BrokerTooOldError, NotPermittedError, QueueFullError

__all__ = ["BrokerRefusedError", "BrokerTooOldError", "Connection", "NotPermittedError", "QueueFullError", "connect"]
