"""Python's garbage collector, tuned for a process with much that stays and many objects that come and go."""

import gc


def freeze() -> None:
    """Exempt what exists now from collection; call it when everything has started.

    A job leaves nothing behind that needs the collector, yet makes objects that let it run: with Python's own
    thresholds it took a fifth of the time of a busy worker, mostly in walking through imported modules.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def collect_young() -> None:
    """Collect young objects; call it every second or so.

    The thresholds count objects, not bytes: a few jobs that each leave something large in a cycle (an exception and
    its frames will do) would fill the memory before so many objects have come together.
    """
    gc.collect(1)
