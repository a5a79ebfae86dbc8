"""Serving HTTP: uvicorn in a process of ours, with the bounds that it leaves open."""
