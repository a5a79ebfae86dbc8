"""How a direct upload is cut into parts: all of one size but the last, as few as fit well."""

from nightshift.objects.object_transfers import MAX_PARTS

_MEBIBYTE = 1 << 20
USUAL_PART_BYTES = 8 * _MEBIBYTE


def part_size(size: int) -> int:
    """Return the size of the parts of an upload: 8 MiB, or more where 10,000 of them are not enough."""
    least = -(-size // MAX_PARTS)
    return max(USUAL_PART_BYTES, -(-least // _MEBIBYTE) * _MEBIBYTE)
