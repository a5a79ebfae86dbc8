"""Loads every contract, so that the catalogue of messages is whole."""

import importlib
import pkgutil

import contracts
from contracts.publishers import EVENT_CONSUMERS


def load_catalogue() -> dict[str, str]:
    """Imports all modules of `contracts`; returns who consumes which events (first token of the name -> service)."""
    for module in pkgutil.iter_modules(contracts.__path__):
        importlib.import_module(f"contracts.{module.name}")
    return dict(EVENT_CONSUMERS)
