"""The file of sources: what a complete one means, and that everything wrong with it is told at once, in a line each."""

from pathlib import Path

import pytest

from nightshift.config.env_settings import SettingsError
from nightshift.config.redaction import redact
from nightshift.webhooks.request import WebhookRequest
from nightshift.webhooks.scheme import Sample
from nightshift.webhooks.sources import load_sources, read_sources
from nightshift.webhooks.verdict import Verified
from tests.unit.webhooks.providers import BODY, NOW, request_of

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def written(folder: Path, text: str) -> Path:
    """Write a file of sources."""
    path = folder / "webhooks.toml"
    path.write_text(text)
    return path


def problems(folder: Path, text: str, **environ: str) -> list[str]:
    """Return what is said about a file, without its path."""
    path = written(folder, text)
    with pytest.raises(SettingsError) as wrong:
        load_sources(path, environ)
    lines = list(wrong.value.problems)
    assert all(line.startswith(f"{path}: ") and "\n" not in line for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


def table(scheme: str = "stripe", *, secrets: str = '["env:S"]', more: str = "") -> str:
    """Return the text of one source."""
    return f'[shop]\nscheme = "{scheme}"\nsecrets = {secrets}\n{more}\n'


def test_an_empty_file_has_no_source(tmp_path: Path) -> None:
    """Nobody is let in by default."""
    assert load_sources(written(tmp_path, ""), {}) == {}


def test_files_that_an_editor_of_windows_has_written(tmp_path: Path) -> None:
    """With a byte order mark and its line ends, the secret's file too."""
    secret = tmp_path / "secret"
    secret.write_bytes(f"\ufeff{SECRET}\r\n".encode())
    path = tmp_path / "webhooks.toml"
    text = table(secrets=f'["file:{secret}"]').replace("\n", "\r\n")
    path.write_bytes(f"\ufeff{text}".encode())
    source = load_sources(path, {})["shop"]
    signed = load_sources(written(tmp_path, table()), {"S": SECRET})["shop"].scheme.sign(Sample(BODY), NOW)
    assert isinstance(source.scheme.verify(request_of(BODY, signed), NOW), Verified)


def test_a_complete_source(tmp_path: Path) -> None:
    """Secrets come from the environment and from files; the rest has defaults of the scheme."""
    (tmp_path / "next").write_text("whsec_second\n")
    text = table(
        secrets=f'["env:S", "file:{tmp_path / "next"}"]',
        more='tolerance = "10m"\nmax_body = "2MB"\nevents = ["invoice.*"]\nheaders = ["X-Region"]',
    )
    source = load_sources(written(tmp_path, text), {"S": SECRET})["shop"]
    assert (source.kind, source.max_body_bytes) == ("stripe", 2_000_000)
    assert source.headers == ("x-region",)
    assert source.wants("invoice.paid")
    assert not source.wants("xinvoice.paid")
    signed = source.scheme.sign(Sample(BODY), NOW)
    assert isinstance(source.scheme.verify(request_of(BODY, signed), NOW + 599), Verified)
    assert not isinstance(source.scheme.verify(request_of(BODY, signed), NOW + 601), Verified)


def test_github_takes_what_github_sends(tmp_path: Path) -> None:
    """25 MB, unless the file says less."""
    assert load_sources(written(tmp_path, table("github")), {"S": "long-enough"})["shop"].max_body_bytes == 26_000_000


@pytest.mark.parametrize(
    ("scheme", "more", "per_second"),
    [
        ("stripe", "", None),
        ("stripe", 'rate = "100/s"', 100),
        ("stripe", 'rate = " 30 / m "', 0.5),
        ("token", 'header = "X-T"\nrate = "7200/h"\nrepeats = true', 2),
    ],
)
def test_a_rate_is_events_in_a_time(tmp_path: Path, scheme: str, more: str, per_second: float | None) -> None:
    """None, unless the file says so; and only of a provider that sends again what was too much."""
    source = load_sources(written(tmp_path, table(scheme, more=more)), {"S": SECRET})["shop"]
    assert source.events_per_second == per_second


def test_identity_by_body_replaces_a_signed_id(tmp_path: Path) -> None:
    """For a provider that counts its events anew."""
    request = WebhookRequest(BODY, [])
    by_id = load_sources(written(tmp_path, table()), {"S": SECRET})["shop"].event(request)
    by_body = load_sources(written(tmp_path, table(more='identity = "body"')), {"S": SECRET})["shop"].event(request)
    assert by_id.id == "evt_1"
    assert len(by_body.id) == 40


@pytest.mark.parametrize(
    ("scheme", "secret", "says"),
    [
        ("stripe", "sk_live_123456789", "begins with 'sk_': that is an API key"),
        ("stripe", "rk_live_123456789", "begins with 'rk_': that is a restricted API key"),
        ("stripe", "pk_live_123456789", "begins with 'pk_'"),
        ("stripe", "something-else", "does not begin with 'whsec_'"),
        ("standard", f"v1,{SECRET}", "begins with 'v1,whsec_': that is a signature's version before the secret"),
        ("standard", "re_123456789", "begins with 're_': that is an API key of Resend"),
        ("standard", "whsec_c2hvcnQ=", "expected a key of 24 to 64 bytes in base64 after whsec_, this one has 5"),
        ("standard", "whsec_!!!!!!!!!", "expected whsec_ and base64"),
        ("standard", "whpk_c2hvcnQ=", "expected a key of 32 bytes in base64, this one has 5"),
        ("github", "ghp_123456789", "begins with 'ghp_': that is an access token"),
        ("github", "github_pat_123456789", "begins with 'github_pat_'"),
        ("slack", "xoxb-123456789", "begins with 'xoxb-': that is a bot token"),
        ("shopify", "shpat_123456789", "begins with 'shpat_': that is an access token"),
        ("twilio", "AC0123456789abcdef", "begins with 'AC': that is the account's id"),
        ("github", " padded-secret", "has a space or a line break at one of its ends"),
        ("github", "short", "has less than 8 characters"),
        ("token", "s\u00e4mtliche-tokens", "has a character that no header can have"),
    ],
)
def test_a_secret_of_the_wrong_kind_is_named_by_its_prefix(tmp_path: Path, scheme: str, secret: str, says: str) -> None:
    """And never shown."""
    more = {"twilio": 'url = "https://hooks.example.com/"', "token": 'header = "X-Token"'}.get(scheme, "")
    (line,) = problems(tmp_path, table(scheme, more=more), S=secret)
    assert line.startswith("shop.secrets: ")
    assert says in line
    assert secret not in line


@pytest.mark.parametrize(
    ("secrets", "says"),
    [
        ("[]", "secrets: is missing: a source without a secret would let everybody in"),
        ('["env:S", "env:S", "env:S", "env:S", "env:S"]', "secrets: has 5 entries, expected 1 to 4"),
        ('["env:S", "env:S"]', "secrets: holds the same secret twice"),
        ('["env:MISSING"]', "secrets: env:MISSING is not set"),
        ('["file:/nowhere/at/all"]', "secrets: file:/nowhere/at/all cannot be read: No such file or directory"),
        (f'["{SECRET}"]', "secrets: the entries are 'env:NAME' or 'file:/path'"),
        ('"env:S"', "secrets: is not usable, expected a list of 'env:NAME' or 'file:/path'"),
    ],
)
def test_missing_secrets_do_not_start(tmp_path: Path, secrets: str, says: str) -> None:
    """A secret in the file itself is not shown either."""
    (line,) = problems(tmp_path, table(secrets=secrets), S=SECRET)
    assert says in line
    assert SECRET not in line


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[shop]\nsecrets = ["env:S"]', "shop.scheme: is missing, expected one of github, hmac"),
        (table("none"), "shop.scheme: 'none' would let everybody in"),
        (table("strype"), "shop.scheme: is 'strype' (do you mean 'stripe'?)"),
        (table(more='tolerance = "0"'), "shop.tolerance: is '0'"),
        (table(more='tolerance = "0s"'), "shop.tolerance: is '0s' (0 is no strictness"),
        (table(more='tolerance = "25h"'), "shop.tolerance: is '25h', expected a duration"),
        (table(more="tolerance = 300"), "shop.tolerance: is 300, expected a duration such as '5m'"),
        (table(more='max_body = "0"'), "shop.max_body: is '0'"),
        (table(more='max_body = "1GB"'), "shop.max_body: is '1GB', expected a size"),
        (table(more='max_body = "41MB"'), "shop.max_body: is '41MB'"),
        (table(more='rate = "0/s"'), "shop.rate: is '0/s', expected a number of events in a time"),
        (table(more='rate = "100"'), "shop.rate: is '100', expected a number of events in a time, such as '100/s'"),
        (table(more="rate = 100"), "shop.rate: is 100, expected"),
        (table(more="repeats = true"), "shop.repeats: means nothing to the scheme 'stripe'"),
        (table("github", more='rate = "9/s"'), "shop.rate: is not possible: github does not send again"),
        (table("token", more='header = "X-T"\nrate = "9/s"'), "shop.rate: say repeats = true if this provider sends"),
        (table(more='event = ["x"]'), "shop.event: is no field of a source (do you mean 'events'?)"),
        (table("github", more='tolerance = "5m"'), "shop.tolerance: means nothing to the scheme 'github'"),
        (table("github", more='identity = "id"'), "shop.identity: 'id' is not possible: github signs no id"),
        (table(more='headers = ["Stripe-Signature"]'), "shop.headers: 'Stripe-Signature' may hold a secret"),
        (table(more='headers = ["Authorization"]'), "shop.headers: 'Authorization' may hold a secret"),
        (table("twilio"), "shop.url: is missing: Twilio signs the public URL"),
        (
            table("twilio", more='url = "hooks.example.com"'),
            "shop.url: is 'hooks.example.com', expected the public URL",
        ),
        (table("twilio", more='url = "https://x.example/a?b=c"'), "shop.url: is 'https://x.example/a?b=c', expected"),
        (
            table("twilio", more='url = "https://x.example:99999/"'),
            "shop.url: is 'https://x.example:99999/', whose port",
        ),
        (table(more=f"headers = {['X-A'] * 21}"), "shop.headers: is ["),
        (table("hmac"), "shop.header: is missing"),
        (table("token"), "shop.header: is missing"),
        (table("hmac", more='header = "X-S"\ntemplate = "{timestamp}"'), "shop.template: expected {body} once"),
        (
            table("hmac", more='header = "X-S"\ntemplate = "{timestamp}.{body}"'),
            "shop.template: {timestamp} and timestamp_header or timestamp_prefix belong together",
        ),
        (table("hmac", more='header = "X-S"\nid_header = "X-Id"'), "shop.template: {id} and id_header belong together"),
        (table("hmac", more='header = "X-S"\nencoding = "base32"'), "shop.encoding: is 'base32', expected 'hex'"),
        (table("hmac", more='header = "X-S"\nalgorithm = "md5"'), "shop.algorithm: is 'md5', expected 'sha256'"),
        (table("hmac", more='header = "X S"'), "shop.header: is 'X S', expected the name of a header"),
        (table("hmac", more='header = "X-S"\nid = "id"'), "shop.id: is 'id', expected a JSON pointer"),
        ("shop = 1", "shop: is no table: write [shop]"),
        ("[my-shop]", "my-shop: a source's name is up to 40 lower-case letters"),
        ("[Shop]", "Shop: a source's name is"),
        ("[shop", "is no TOML"),
    ],
)
def test_each_mistake_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    """What is wrong, where, and what to do."""
    lines = problems(tmp_path, text, S=SECRET)
    assert any(line.startswith(says) for line in lines), lines


def test_everything_is_told_at_once(tmp_path: Path) -> None:
    """One start of the gateway is enough to learn of all mistakes."""
    text = table("none") + '[acme]\nscheme = "github"\nsecrets = ["env:A", "env:B"]\nevents = 5'
    assert [line.split(":")[0] for line in problems(tmp_path, text)] == ["shop.scheme", "acme.events"]
    text = table() + '[acme]\nscheme = "github"\nsecrets = ["env:A", "env:B"]\nheaders = ["Cookie"]'
    assert [line.split(":")[0] for line in problems(tmp_path, text, S=SECRET)] == ["acme.secrets"] * 2 + [
        "acme.headers"
    ]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Missing, a folder, or bytes that are no text."""
    for path in (tmp_path / "missing.toml", tmp_path):
        with pytest.raises(SettingsError, match="cannot be read"):
            load_sources(path, {})
    broken = tmp_path / "broken.toml"
    broken.write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="is no TOML"):
        load_sources(broken, {})


def test_a_secret_that_was_read_is_hidden_in_every_log(tmp_path: Path) -> None:
    """As any other secret of the settings."""
    load_sources(written(tmp_path, table("github")), {"S": "only-for-this-test-17"})
    assert "only-for-this-test-17" not in redact("it was only-for-this-test-17 that matched")


def test_the_fingerprint_tells_that_a_secrets_file_has_changed(tmp_path: Path) -> None:
    """Kubernetes changes a mounted secret while the file of sources stays as it is."""
    secret = tmp_path / "secret"
    path = written(tmp_path, table("github", secrets=f'["file:{secret}"]'))
    secret.write_text("the-first-one")
    first = read_sources(path, {}).fingerprint
    assert read_sources(path, {}).fingerprint == first
    secret.write_text("the-second-one")
    assert read_sources(path, {}).fingerprint != first
