"""What a visit ends with if it is no success: a status, a title, and a sentence that says what to do."""

from collections.abc import Mapping

TITLES: Mapping[int, str] = {
    400: "This request cannot be understood",
    403: "Not allowed",
    404: "There is nothing here",
    405: "Not possible here",
    408: "Too slow",
    413: "Too much at once",
    421: "This is not the console's address",
    429: "Too many tries",
    431: "Too much at once",
    500: "A fault of the console",
    503: "Not available at the moment",
    505: "HTTP/1.1 is spoken here",
}


class Refused(Exception):  # noqa: N818 - an answer, not an error of the program
    """Ends a visit; `detail` is a sentence for the person, never an exception's text that they did not cause."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}: {detail}")
        self.status, self.detail, self.headers = status, detail, dict(headers or {})

    @property
    def title(self) -> str:
        """The title of its page."""
        return TITLES[self.status]


_STATUS = {"busy": 503, "bad-request": 400, "timeout": 408, "head-too-large": 431, "http-version": 505}


class ConnectionRefused(Refused):
    """The answer to a connection that is refused: plain text, since there is no request to make a page for."""

    media_type = "text/plain; charset=utf-8"

    def __init__(self, code: str, detail: str = "", *, retry_after: float | None = None) -> None:
        headers = {} if retry_after is None else {"Retry-After": str(max(1, round(retry_after)))}
        super().__init__(_STATUS[code], detail or TITLES[_STATUS[code]], headers=headers)

    def body(self, request_id: str) -> bytes:
        """Return the text."""
        del request_id
        return f"{self.title}. {self.detail}\n".encode()
