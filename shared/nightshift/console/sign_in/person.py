"""The person at the console."""

from dataclasses import dataclass

from nightshift.console.rights import ROLES, Right, Role


@dataclass(slots=True, frozen=True)
class Person:
    """Who it is, and what the role allows; `token` has to come back with every form."""

    name: str
    role: Role
    token: str
    can_sign_out: bool = True

    def may(self, right: Right) -> bool:
        """Return whether the role has this right."""
        return right in ROLES[self.role]
