"""Reading a body that fits into memory."""

from starlette.requests import ClientDisconnect, Request

from nightshift.gateway.problems import Problem

_JSON_TYPES = frozenset({"application/json", "text/json"})


async def read_json(request: Request, limit: int) -> bytes:
    """Return the body of a request that says that it is JSON.

    Raises:
        Problem: `unsupported-media-type`, or as `read_body`.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _JSON_TYPES and not media_type.endswith("+json"):
        raise Problem("unsupported-media-type", "Send JSON with `Content-Type: application/json` (curl: --json).")
    return await read_body(request, limit)


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body; one that is too long is refused as soon as that is known.

    Raises:
        Problem: `too-large`, or `unsupported-media-type` for an encoded one.
        ClientDisconnect: the client has gone.
    """
    refuse_encoded(request)
    length = request.headers.get("content-length")
    if length is not None and int(length) > limit:
        raise too_large(limit)
    pieces, size, more = list[bytes](), 0, True
    while more:  # as Starlette's `stream`, without a generator for the one piece that most bodies are
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece, more = message["body"], message["more_body"]
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        pieces.append(piece)
    return b"".join(pieces)


def expected_size(request: Request, limit: int) -> int:
    """Return how many bytes of a body will be held at most: its length, or `limit` where it does not say."""
    length = request.headers.get("content-length")
    return limit if length is None else min(int(length), limit)


def refuse_encoded(request: Request) -> None:
    """Refuse a compressed body: what it unpacks to is not known before.

    Raises:
        Problem: `unsupported-media-type`.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise Problem("unsupported-media-type", "Send the body as it is, without a Content-Encoding.")


def too_large(limit: int) -> Problem:
    """Return the problem of a body that is longer than `limit` bytes."""
    return Problem("too-large", f"The limit is {limit} bytes.")
