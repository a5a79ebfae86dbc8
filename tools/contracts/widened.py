"""Patterns that take all that an older one took: the gate cannot tell that by itself, and a test proves each."""

from contracts.email import ADDRESS
from nightshift.contract.constraints import CONTROL, END
from nightshift.contract.header_values import REASON
from nightshift.documents.patterns import portable

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LETTER = r"[^\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\xa0\u2028\u2029\ufeff]"
_LETTER_OR_HYPHEN = r"[^\x00-\x2c\x2e\x2f\x3a-\x40\x5b-\x60\x7b-\xa0\u2028\u2029\ufeff]"
_LABEL = rf"{_LETTER}(?:{_LETTER_OR_HYPHEN}{{0,61}}{_LETTER})?"
_ADDRESS = rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?![0-9]){_LABEL}"
_NAME = rf'(?:"[^"\\<>{CONTROL}]{{1,100}}"|[^"\\<>,;:@{CONTROL}]{{0,100}})'
ADDRESS_OF_0_1_0 = rf"^(?:{_ADDRESS}|{_NAME} *<{_ADDRESS}>){END}"

WIDENED: tuple[tuple[str, str], ...] = ((ADDRESS_OF_0_1_0, ADDRESS),)
"""The old pattern and the new one."""

GROWN: tuple[tuple[str, str], ...] = (
    (rf"^(?:invalid|unknown-type|permanent|attempts-exhausted|crash-loop){END}", REASON),
)
"""Lists of words, as they were and as they are, of which readers expect more: an unknown one says enough by itself."""

_FORMS = {(portable(old), portable(new)) for old, new in (*WIDENED, *GROWN)}
_READERS_FORMS = {(portable(new), portable(old)) for old, new in GROWN}


def takes_more(new: str, old: str) -> bool:
    """Return whether a published pattern is known to take all that another took, or its readers expect what is more."""
    return (portable(old), portable(new)) in _FORMS | _READERS_FORMS
