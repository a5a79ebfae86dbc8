"""The rows of events: what became of each, written with its effects."""

from nightshift.service.event_log import EventLog
from schema.tables import webhook_events

LOG = EventLog(webhook_events)
"""It writes into the application's own table."""
change_outcome = LOG.change_outcome
