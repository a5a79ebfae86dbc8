"""How values of JSON columns are written."""

import msgspec


def json_text(value: object) -> str:
    """The JSON text of a value; several times as fast as the standard library's."""
    return msgspec.json.encode(value).decode()
