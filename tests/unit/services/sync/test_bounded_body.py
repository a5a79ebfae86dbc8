"""Bodies are unpacked by what they are, and never beyond their limit."""

import contextlib
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sync.connector import SyncFailedError
from services.sync.http.bounded_body import unpack

LIMIT = 10_000
FEED = b"<rss>" + b"<item/>" * 100 + b"</rss>"


def raw_deflate(data: bytes) -> bytes:
    """Compress without zlib's frame, as some servers understand `deflate`."""
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(data) + packing.flush()


def packed(body: bytes) -> bytes:
    """Pack a body as gzip, without the time: a test's name is made of it."""
    return gzip.compress(body, mtime=0)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", FEED),
        ("identity", FEED),
        ("none", FEED),
        ("utf-8", FEED),
        ("aws-chunked", FEED),
        ("UTF-8, identity", b"\xef\xbb\xbf\n" + FEED),
        ("gzip", packed(FEED)),
        ("x-gzip", packed(FEED)),
        (" GZIP ", packed(FEED)),
        ("gzip, identity", packed(FEED)),
        ("gzip,utf-8", packed(FEED)),
        ("gzip, gzip", packed(packed(FEED))),
        ("deflate, gzip", packed(zlib.compress(FEED))),
        ("gzip", FEED),
        ("deflate", FEED),
        ("br", FEED),
        ("gzip, gzip", packed(FEED)),
        ("", packed(FEED)),
        ("deflate", packed(FEED)),
        ("gzip", packed(FEED[:50]) + packed(FEED[50:])),
        ("gzip", packed(FEED) + b"\0" * 20),
        ("deflate", zlib.compress(FEED)),
        ("deflate", zlib.compress(FEED, 0)),
        ("deflate", raw_deflate(FEED)),
        ("gzip", b""),
    ],
)
def test_a_body_is_unpacked_by_what_it_is(encoding: str, body: bytes) -> None:
    """Whatever a server calls it: packed and called plain, plain and called packed, in members, in layers."""
    found = unpack(body, encoding, LIMIT)
    assert found.data.removeprefix(b"\xef\xbb\xbf\n") == (FEED if body else b"")
    assert not found.is_cut


@pytest.mark.parametrize(
    ("encoding", "body", "problem"),
    [
        ("gzip", b"neither packed nor text", "damaged"),
        ("gzip", b"\x1f\x8b" + b"\xff" * 20, "damaged"),
        ("deflate", b"\x78\x9c" + b"\xff" * 20, "damaged or cut off"),
        ("br", b"\x1b\x03\x00\xf8", "'br', which was not asked for"),
        ("zstd", b"\x28\xb5\x2f\xfd", "'zstd', which was not asked for"),
        ("gzip, gzip, gzip, gzip", b"", "packed 4 times"),
    ],
)
def test_what_cannot_be_unpacked_is_a_failed_attempt(encoding: str, body: bytes, problem: str) -> None:
    """It is said what is wrong with it."""
    with pytest.raises(SyncFailedError, match=problem):
        unpack(body, encoding, LIMIT)


NOISY = b"".join(b"<item>%d</item>" % (number * 7919 % 10007) for number in range(500))


@pytest.mark.parametrize(
    ("encoding", "body", "share"),
    [
        ("gzip", packed(NOISY)[:-8], 1),
        ("gzip", packed(NOISY)[:-1], 1),
        ("gzip", packed(NOISY)[:-8] + b"\0" * 8, 1),
        ("gzip", packed(NOISY)[:-8] + b"<!-- served in 3 ms -->", 1),
        ("gzip", packed(NOISY)[: len(packed(NOISY)) // 2], 0.3),
        ("gzip", packed(NOISY[:2000]) + packed(NOISY[2000:])[:-9], 0.99),
        ("gzip, gzip", packed(packed(NOISY)[:-8]), 1),
        ("gzip, gzip", packed(packed(NOISY))[:-8], 1),
        ("deflate", zlib.compress(NOISY)[:-4], 1),
        ("deflate", zlib.compress(NOISY)[:-4] + b"\0\0\0\0", 1),
        ("deflate", raw_deflate(NOISY)[:-100], 0.8),
    ],
)
def test_of_a_torn_body_there_is_what_could_be_unpacked(encoding: str, body: bytes, share: float) -> None:
    """Without its end, with a wrong checksum, or with damage in the middle; it is known as torn."""
    found = unpack(body, encoding, LIMIT)
    assert found.is_torn
    assert found.data[: len(NOISY)] == NOISY[: len(found.data)]
    assert len(found.data) >= share * len(NOISY)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", packed(b"x" * (LIMIT + 1))),
        ("deflate", zlib.compress(b"x" * 100 * LIMIT)),
        ("deflate", raw_deflate(b"x" * 100 * LIMIT)),
        ("gzip", packed(b"x" * 6_000) + packed(b"x" * 6_000)),
        ("gzip, gzip", packed(packed(b"x" * 100 * LIMIT))),
    ],
)
def test_what_is_too_large_ends_at_the_limit(encoding: str, body: bytes) -> None:
    """And says so."""
    found = unpack(body, encoding, LIMIT)
    assert (found.data, found.is_cut) == (b"x" * LIMIT, True)


def test_of_a_packed_body_that_was_cut_the_beginning_is_unpacked() -> None:
    """It was larger than the limit before it was unpacked."""
    found = unpack(packed(FEED)[:-9], "gzip", LIMIT, is_cut=True)
    assert found.is_cut
    assert FEED.startswith(found.data)


@given(st.text(st.sampled_from("gzip, deflate")), st.binary() | st.binary().map(gzip.compress))
def test_nothing_is_too_strange(encoding: str, body: bytes) -> None:
    """Something within the limit, or a failed attempt."""
    with contextlib.suppress(SyncFailedError):
        assert len(unpack(body, encoding, 50).data) <= max(50, len(body))
