"""Builds the scheme that a table of the file of sources describes."""

from collections.abc import Callable, Mapping

from nightshift.webhooks.naming import Naming
from nightshift.webhooks.scheme import Scheme
from nightshift.webhooks.schemes.github import GitHubScheme
from nightshift.webhooks.schemes.shopify import ShopifyScheme
from nightshift.webhooks.schemes.slack import SlackScheme
from nightshift.webhooks.schemes.standard import StandardScheme
from nightshift.webhooks.schemes.stripe import StripeScheme
from nightshift.webhooks.schemes.template import Layout, TemplateScheme
from nightshift.webhooks.schemes.token import TokenScheme
from nightshift.webhooks.schemes.twilio import TwilioScheme
from nightshift.webhooks.source_table import SourceTable


def build_scheme(table: SourceTable, secrets: tuple[str, ...]) -> Scheme:
    """Build the scheme of a table.

    Raises:
        ValueError: what it says does not fit together; the text is `<field>: <what is wrong>`.
    """
    return _BUILDERS[table.scheme](table, secrets)


def _standard(table: SourceTable, secrets: tuple[str, ...]) -> Scheme:
    try:
        return StandardScheme(secrets, table.tolerance_seconds)
    except ValueError as error:
        raise ValueError(f"secrets: {error}") from None


def _twilio(table: SourceTable, secrets: tuple[str, ...]) -> Scheme:
    if table.url is None:
        raise ValueError("url: is missing: Twilio signs the public URL, which a request does not know")
    try:
        return TwilioScheme(secrets, table.url)
    except ValueError:
        raise ValueError(f"url: is {table.url[:60]!r}, whose port is none") from None


def _token(table: SourceTable, secrets: tuple[str, ...]) -> Scheme:
    return TokenScheme(secrets, _header(table), table.prefix, _naming(table))


def _hmac(table: SourceTable, secrets: tuple[str, ...]) -> Scheme:
    layout = Layout(
        header=_header(table),
        prefix=table.prefix,
        template=table.template,
        encoding=table.encoding,
        algorithm=table.algorithm,
        timestamp_header=_lower(table.timestamp_header),
        timestamp_prefix=table.timestamp_prefix,
        id_header=_lower(table.id_header),
    )
    return TemplateScheme(secrets, layout, _naming(table), table.tolerance_seconds)


def _header(table: SourceTable) -> str:
    if table.header is None:
        raise ValueError(f"header: is missing: where does {table.scheme} find what proves the sender?")
    return table.header.lower()


def _naming(table: SourceTable) -> Naming:
    return Naming(
        id=table.id,
        type=table.type,
        type_header=_lower(table.type_header),
        occurred_at=table.occurred_at,
        delivery_header=_lower(table.delivery_header),
    )


def _lower(header: str | None) -> str | None:
    return None if header is None else header.lower()


_BUILDERS: Mapping[str, Callable[[SourceTable, tuple[str, ...]], Scheme]] = {
    "stripe": lambda table, secrets: StripeScheme(secrets, table.tolerance_seconds),
    "standard": _standard,
    "github": lambda _, secrets: GitHubScheme(secrets),
    "slack": lambda table, secrets: SlackScheme(secrets, table.tolerance_seconds),
    "shopify": lambda _, secrets: ShopifyScheme(secrets),
    "twilio": _twilio,
    "hmac": _hmac,
    "token": _token,
}
