"""The folders of credentials, one for each container."""

import secrets
from pathlib import Path

_READABLE_BY_OWNER_AND_GROUP = 0o440


class Vault:
    """The folders of credentials. Existing secrets are kept."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def has(self, name: str) -> bool:
        """Return whether there is such a file."""
        return (self._root / name).exists()

    def text(self, name: str) -> str:
        """Return what a file holds; nothing where there is none."""
        return (self._root / name).read_text(encoding="utf-8") if self.has(name) else ""

    def secret(self, name: str) -> str:
        """Return the secret in a file; create a random one if there is none."""
        if not self.has(name):
            self.write(name, secrets.token_urlsafe(32))
        return (self._root / name).read_text(encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        """Write a file that is derived from others, atomically."""
        file = self._root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{file.name}.part")
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        part.write_text(text, encoding="utf-8")
        part.chmod(_READABLE_BY_OWNER_AND_GROUP)
        part.replace(file)
