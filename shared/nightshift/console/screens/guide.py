"""Help: what to do, as docs/operations.md tells it."""

from starlette.responses import Response

from nightshift.console.rights import Right
from nightshift.console.web.pages import page
from nightshift.console.web.visit import Route, Visit


async def show(visit: Visit) -> Response:
    """Show the page; an anchor leads to a section."""
    return page(visit, "help.html.j2")


ROUTES = (Route("GET", "/help", show, Right.LOOK),)
