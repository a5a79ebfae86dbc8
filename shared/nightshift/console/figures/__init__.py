"""The figures of the queues: read once for everybody."""
