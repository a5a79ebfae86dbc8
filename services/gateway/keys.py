"""The API keys of the shipped gateway: a user's keys go with the user."""

from nightshift.gateway.auth.key_table import KeyTable
from schema.tables import api_keys, users

KEYS = KeyTable(api_keys, users)
