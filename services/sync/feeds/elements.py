"""The open elements of a feed: their namespaces, and the address to which their links are relative."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urljoin

from services.sync.feeds.vocabulary import Space, family_of, usual_meaning


class Element(NamedTuple):
    """An open element: its name as written but in lower case, what it means, and what holds inside it."""

    name: str
    space: Space
    local: str
    base: str
    namespaces: Mapping[str, str]


class Elements:
    """The stack of open elements; `root` is the local name of the outermost one, empty before it."""

    def __init__(self, base: str) -> None:
        self._outside = Element("", "", "", base, {})
        self._open: list[Element] = []
        self.root = ""
        self._own_prefix = self._own_namespace = ""

    def __len__(self) -> int:
        return len(self._open)

    @property
    def top(self) -> Element:
        """Return the innermost open element."""
        return self._open[-1] if self._open else self._outside

    @property
    def path(self) -> list[str]:
        """Return the local names of the open elements, outermost first."""
        return [element.local for element in self._open]

    def element(self, name: str, attributes: Mapping[str, str]) -> Element:
        """Return the element that would be opened by this tag; the first one becomes the root."""
        parent = self.top
        declared = {
            key.partition(":")[2].lower(): value for key, value in attributes.items() if key.startswith("xmlns")
        }
        namespaces = {**parent.namespaces, **declared} if declared else parent.namespaces
        prefix, _, local = name.rpartition(":")
        if not self.root:
            self.root, self._own_prefix = local, "" if local == "rdf" else prefix
            self._own_namespace = namespaces.get(self._own_prefix, "")
        space = self._space(prefix, namespaces)
        return Element(name, space, local, joined(parent.base, attributes.get("xml:base", "")), namespaces)

    def open(self, element: Element) -> None:
        """Put an element on the stack."""
        self._open.append(element)

    def close(self) -> None:
        """Take the innermost element from the stack."""
        self._open.pop()

    def depth_of(self, name: str) -> int | None:
        """Return how many elements are outside of the innermost open one of this name; None if none is open."""
        for depth in range(len(self._open) - 1, -1, -1):
            if self._open[depth].name == name:
                return depth
        return None

    def _space(self, prefix: str, namespaces: Mapping[str, str]) -> Space:
        """Return the family of a name; without a namespace, or in the root's, it is the format's own."""
        namespace = namespaces.get(prefix)
        if namespace is None and prefix and prefix != self._own_prefix:
            return usual_meaning(prefix)
        if not namespace or namespace == self._own_namespace:
            return "atom" if self.root == "feed" else "rss"
        return family_of(namespace)


def joined(base: str, address: str) -> str:
    """Resolve an address; return the base if it is empty, broken, or none of the web."""
    try:
        found = urljoin(base, address.strip())
    except ValueError:
        return base
    return found if found.lower().startswith(("https://", "http://")) else base
