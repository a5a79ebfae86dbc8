"""The months by name, as feeds in a dozen languages write them, whatever RFC 822 says."""

# ruff: noqa: RUF001 - Greek and Russian letters

from functools import lru_cache
from unicodedata import combining, normalize

_MONTHS = (
    "january januar janvier enero gennaio janeiro januari stycznia января ιανουαριος ιανουαριου január",
    "february februar fevrier febrero febbraio fevereiro februari lutego февраля φεβρουαριος φεβρουαριου február",
    "march marz maerz mars marzo marco maart mrt marca марта μαρτιος μαρτιου március",
    "april avril abril aprile kwietnia апреля απριλιος απριλιου április",
    "may mai mayo maggio maio mei maja maj мая май μαιος μαιου május",
    "june juni juin junio giugno junho czerwca июня июнь ιουνιος ιουνιου június",
    "july juli juillet julio luglio julho lipca июля июль ιουλιος ιουλιου július",
    "august aout agosto augustus sierpnia augusti августа αυγουστος αυγουστου augusztus",
    "september septembre septiembre setiembre settembre setembro wrzesnia сентября σεπτεμβριος σεπτεμβριου szeptember",
    "october oktober octobre octubre ottobre outubro pazdziernika октября οκτωβριος οκτωβριου október",
    "november novembre noviembre novembro listopada ноября νοεμβριος νοεμβριου",
    "december dezember decembre diciembre dicembre dezembro grudnia декабря δεκεμβριος δεκεμβριου",
)
"""The names of each month, separated by blanks; compared without accents."""


@lru_cache(maxsize=256)
def month_number(word: str) -> int:
    """Return the number of a month, shortened or not; 0 if it is none, or several."""
    name = _without_accents(word)
    if len(name) < len("may"):
        return 0
    found = {number for number, names in enumerate(_MONTHS, 1) if f" {name}" in f" {_without_accents(names)}"}
    return found.pop() if len(found) == 1 else 0


def _without_accents(text: str) -> str:
    return "".join(letter for letter in normalize("NFKD", text.casefold()) if not combining(letter))
