"""Serving HTTP: uvicorn in a process of ours, bounded."""
