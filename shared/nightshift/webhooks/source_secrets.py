"""The secrets of a source: where they are, and whether they are of the kind that its scheme needs."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from nightshift.config.redaction import protect

MAX_SECRETS = 4
_MIN_CHARACTERS = 8
_LARGEST_FILE_BYTES = 65_536
_SIGNS_NOTHING = "an access token, which signs nothing"
_API_KEY = "an API key"
WRONG_PREFIXES: Mapping[str, Mapping[str, str]] = {
    "stripe": {
        "sk_": "an API key; the endpoint's signing secret begins with whsec_",
        "rk_": "a restricted API key; the endpoint's signing secret begins with whsec_",
        "pk_": "a publishable key; the endpoint's signing secret begins with whsec_",
        "we_": "the id of an endpoint; its signing secret begins with whsec_",
    },
    "standard": {
        "v1,whsec_": "a signature's version before the secret: remove 'v1,'",
        "v1a,whpk_": "a signature's version before the key: remove 'v1a,'",
        "re_": "an API key of Resend; the webhook's signing secret begins with whsec_",
        "sk_": _API_KEY,
        "sk-": _API_KEY,
    },
    "github": {
        "ghp_": _SIGNS_NOTHING,
        "gho_": _SIGNS_NOTHING,
        "ghu_": _SIGNS_NOTHING,
        "ghs_": _SIGNS_NOTHING,
        "github_pat_": _SIGNS_NOTHING,
        "sha256=": "a signature, not a secret",
        "-----BEGIN": "the app's private key; a webhook has a secret of its own",
    },
    "slack": {
        "xoxb-": "a bot token; the signing secret is under Basic Information, App Credentials",
        "xoxp-": "a user token; the signing secret is under Basic Information, App Credentials",
        "xapp-": "an app-level token; the signing secret is under Basic Information, App Credentials",
    },
    "shopify": {
        "shpat_": "an access token; webhooks are signed with the app's client secret",
        "shpca_": "an access token; webhooks are signed with the app's client secret",
        "shppa_": "a password; webhooks are signed with the app's client secret",
    },
    "twilio": {
        "AC": "the account's id; webhooks are signed with its auth token",
        "SK": "the id of an API key; webhooks are signed with the account's auth token",
    },
}
"""Secrets of the wrong kind, by scheme: what begins so is the thing that follows."""
RIGHT_PREFIXES: Mapping[str, str] = {"stripe": "whsec_"}


class SecretError(Exception):
    """A secret is missing or of the wrong kind; the text says which and how, without showing it."""


def read_secrets(scheme: str, places: tuple[str, ...], environ: Mapping[str, str]) -> tuple[tuple[str, ...], list[str]]:
    """Read the secrets of a source; return them, and a line for everything that is wrong with them."""
    if not places:
        return (), ["secrets: is missing: a source without a secret would let everybody in"]
    if len(places) > MAX_SECRETS:
        return (), [f"secrets: has {len(places)} entries, expected 1 to {MAX_SECRETS}"]
    secrets, problems = [], []
    for number, place in enumerate(places, 1):
        try:
            secret = _read(place, environ)
            problems += [f"secrets: {_name(place, number)} {problem}" for problem in _kind_problems(scheme, secret)]
            protect(secret)
            secrets.append(secret)
        except SecretError as error:
            problems.append(f"secrets: {error}" if str(error).startswith("the") else f"secrets: {place[:200]} {error}")
    if len(set(secrets)) < len(secrets):
        problems.append("secrets: holds the same secret twice")
    return tuple(secrets), problems


def _read(place: str, environ: Mapping[str, str]) -> str:
    kind, _, name = place.partition(":")
    if kind == "env" and name:
        secret = environ.get(name) or ""
        if not secret:
            raise SecretError("is not set")
        return secret
    if kind == "file" and name:
        return _content(Path(name))
    raise SecretError("the entries are 'env:NAME' or 'file:/path': a secret itself does not belong into this file")


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            secret = file.read(_LARGEST_FILE_BYTES).decode("utf-8-sig").rstrip("\r\n")
    except OSError as error:
        raise SecretError(f"cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise SecretError("is not UTF-8 text") from None
    if not secret:
        raise SecretError("is empty")
    return secret


def _kind_problems(scheme: str, secret: str) -> Iterator[str]:
    wrong = next((prefix for prefix in WRONG_PREFIXES.get(scheme, {}) if secret.startswith(prefix)), None)
    right = RIGHT_PREFIXES.get(scheme)
    if wrong is not None:
        yield f"begins with {wrong!r}: that is {WRONG_PREFIXES[scheme][wrong]}"
    elif right is not None and not secret.startswith(right):
        yield f"does not begin with {right!r}, as a signing secret of {scheme} does"
    elif secret != secret.strip():
        yield "has a space or a line break at one of its ends"
    elif len(secret) < _MIN_CHARACTERS:
        yield f"has less than {_MIN_CHARACTERS} characters: anybody could guess it"
    elif not secret.isprintable():
        yield "is not one line of text"
    elif scheme == "token" and not secret.isascii():
        yield "has a character that no header can have: expected ASCII"


def _name(place: str, number: int) -> str:
    return place[:200] if place.startswith(("env:", "file:")) else f"number {number}"
