"""The mail catcher's script: which senders and recipients it refuses, and how, by the local part of the address."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

HELP = """\
Recipients with a special meaning, at any domain:
  temporary@…     451 the first 2 times that this address is named, then accepted
  temporary-N@…   the same, N times
  greylisted@…    451 for 2 seconds after this address was named for the first time, then accepted
  greylisted-N@…  the same, N seconds
  refused@…       550, always: there is no such mailbox
  spam@…          554 after the message was transmitted, always
  closed@…        421 and the connection is closed, the first time; then accepted
  dropped@…       the first time, the connection breaks after the message was stored, without an answer
Senders with a special meaning:
  quota@…         550 5.4.5 the first 2 times (quota-N@…: N times), as a provider whose daily limit is reached
A suffix after a plus makes an address that is counted separately: temporary+a@example.com."""

_TEMPORARY_BY_DEFAULT = 2


@dataclass
class Refusals:
    """The refusals; it counts how often each address was named, as long as the catcher runs."""

    named: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    first: dict[str, float] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic

    def at_sender(self, address: str) -> str | None:
        """Return the SMTP answer that refuses this sender, or None to accept it."""
        kind, number = _kind(address)
        if kind != "quota":
            return None
        self.named[address] += 1
        if self.named[address] <= number:
            return f"550 5.4.5 <{address}>: daily sending quota exceeded"
        return None

    def at_recipient(self, address: str) -> str | None:
        """Return the SMTP answer that refuses this recipient, or None to accept it."""
        kind, number = _kind(address)
        self.named[address] += 1
        if kind == "refused":
            return f"550 5.1.1 <{address}>: no such mailbox here"
        if kind == "temporary" and self.named[address] <= number:
            return f"451 4.3.0 <{address}>: try again later ({self.named[address]} of {number})"
        if kind == "greylisted" and self.clock() - self.first.setdefault(address, self.clock()) < number:
            return f"451 4.7.1 <{address}>: greylisted, try again in {number} seconds"
        if kind == "closed" and self.named[address] == 1:
            return "421 4.3.2 this server closes the connection"
        return None

    def at_message(self, recipients: list[str]) -> str | None:
        """Return the SMTP answer that refuses the transmitted message, or None to accept it."""
        if any(_kind(address)[0] == "spam" for address in recipients):
            return "554 5.7.1 message refused by its content"
        return None

    def breaks_after(self, recipients: list[str]) -> bool:
        """Return whether to drop the connection now that the message is stored."""
        dropped = [address for address in recipients if _kind(address)[0] == "dropped"]
        self.sent.update(dropped)
        return any(self.sent[address] == 1 for address in dropped)


def _kind(address: str) -> tuple[str, int]:
    """Split `temporary-5+x@example.com` into ("temporary", 5)."""
    local = address.partition("@")[0].partition("+")[0].lower()
    kind, _, number = local.partition("-")
    return kind, int(number) if number.isascii() and number.isdigit() else _TEMPORARY_BY_DEFAULT
