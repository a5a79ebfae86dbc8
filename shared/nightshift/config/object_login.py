"""The three settings that let a process use an object store: all of them, or none."""

from collections.abc import Iterator

OBJECTS = frozenset({"s3_endpoint", "s3_access_key", "s3_secret_key"})
"""What a process needs whose work is with objects: `REQUIRES = OBJECTS`."""


def half_a_login(settings: object) -> Iterator[str]:
    """Yield a line for each of the three that is missing where others are set."""
    missing = sorted(name.upper() for name in OBJECTS if getattr(settings, name) is None)
    for name in missing if len(missing) < len(OBJECTS) else ():
        yield f"{name} is missing: S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY belong together"
