"""Compose, start, stop and provision a process; its health and its traces."""
