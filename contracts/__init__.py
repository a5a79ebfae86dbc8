"""The messages that producers and services exchange."""
