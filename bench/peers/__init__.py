"""The same no-op job on each job queue, set up as its documentation recommends for throughput.

Each module has `preload()` and defines what its worker's own command line loads. They import nothing of the project:
they run in an environment of their own.
"""
