"""Amounts as Stripe writes them: in the smallest unit of their currency (https://docs.stripe.com/currencies)."""

_NO_DECIMALS = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"]
)
_THREE_DECIMALS = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])


def money(amount: int | None, currency: str | None) -> str | None:
    """Return an amount for people, `12.50 EUR`; None where Stripe does not say it."""
    if amount is None or not currency:
        return None
    code = currency.lower()
    decimals = 0 if code in _NO_DECIMALS else 3 if code in _THREE_DECIMALS else 2
    whole, rest = divmod(abs(amount), 10**decimals)
    sign, fraction = "-" if amount < 0 else "", f".{rest:0{decimals}}" if decimals else ""
    return f"{sign}{whole:,}{fraction} {code.upper()}"
