"""Settings: one typed object from the environment, or one error that lists everything that is wrong."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta

from nightshift.config import redaction
from nightshift.config.datastore_settings import database_url
from nightshift.config.settings import (
    OBJECTS,
    ProcessSettings,
    Secret,
    Settings,
    SettingsError,
    describe,
    load,
    variables,
)

GOOD = {
    "DATABASE_URL": "postgresql+asyncpg://night:correct-horse@db/night",
    "S3_ENDPOINT": "http://127.0.0.1:8333",
    "S3_ACCESS_KEY": "access",
    "S3_SECRET_KEY": "battery-staple",
}


class ObjectSettings(Settings, frozen=True, kw_only=True):
    """Settings of a service that reads and writes files."""

    REQUIRES = OBJECTS


class MailSettings(Settings, frozen=True, kw_only=True):
    """A service's settings, as services write them."""

    mail_from: Annotated[str, Meta(min_length=3, description="Default sender.")]
    smtp_password: Annotated[Secret | None, Meta(description="Password at the mail server.")] = None
    smtp_ports: Annotated[tuple[int, ...], Meta(description="Ports to try.")] = (587, 25)
    starttls: Annotated[bool, Meta(description="Whether to encrypt.")] = True

    def check(self) -> Iterable[str]:
        """Yields a rule between two fields."""
        yield from super().check()
        if self.slots > 1_000 and not self.starttls:
            yield "SLOTS and STARTTLS: too many open conversations"


pytestmark = pytest.mark.usefixtures("process_secrets")


def problems(environ: dict[str, str], cls: type[ProcessSettings] = Settings) -> tuple[str, ...]:
    """Return the problems that `load` reports."""
    with pytest.raises(SettingsError) as caught:
        load(cls, environ)
    return caught.value.problems


def test_a_field_comes_from_the_variable_of_its_name_in_capitals() -> None:
    """`nats_url` is NATS_URL, converted to the field's type."""
    settings = load(Settings, GOOD | {"NATS_URL": "nats://a:4222, tls://b:4222", "SLOTS": "7"})
    assert settings.nats_servers == ["nats://a:4222", "tls://b:4222"]
    assert settings.slots == 7
    assert settings.database_url.reveal() == GOOD["DATABASE_URL"]


def test_defaults_hold_where_nothing_is_set() -> None:
    """What the documentation calls a default is one."""
    settings = load(Settings, GOOD)
    assert (settings.s3_bucket, settings.max_retries, settings.job_timeout_seconds) == ("nightshift", None, 900)
    assert (settings.health_host, settings.health_port, settings.log_format) == ("127.0.0.1", 0, "auto")


def test_an_empty_variable_counts_as_not_set() -> None:
    """Compose files pass variables on as empty texts."""
    assert load(Settings, GOOD | {"SLOTS": "", "NATS_USER": ""}).slots == 100
    assert problems(GOOD | {"S3_ENDPOINT": ""}) == (
        "S3_ENDPOINT is missing: S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY belong together",
    )


def test_everything_that_is_wrong_is_named_at_once() -> None:
    """Nobody has to start a service five times to learn of five mistakes."""
    wrong = {
        "SLOTS": "0",
        "HEALTH_PORT": "http",
        "LOG_FORMAT": "xml",
        "S3_ENDPOINT": "localhost:8333",
        "STARTTLS": "perhaps",
    }
    text = "\n".join(problems(wrong, MailSettings))
    assert "SLOTS: is '0', expected a whole number, at least 1" in text
    assert "HEALTH_PORT: is 'http', expected a whole number, at least 0, at most 65535" in text
    assert "LOG_FORMAT: is 'xml', expected one of auto, json, text" in text
    assert "S3_ENDPOINT: is 'localhost:8333', expected something like http://127.0.0.1:8333" in text
    assert "STARTTLS: is 'perhaps', expected true or false" in text
    assert "MAIL_FROM is missing, expected a text, at least 3 characters" in text
    assert "DATABASE_URL is missing" in text
    assert len(text.splitlines()) == len({line.split(":")[0].split(" ")[0] for line in text.splitlines()})


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "0"])
def test_a_duration_is_a_finite_number_above_zero(text: str) -> None:
    """`nan` would switch every comparison off."""
    assert problems(GOOD | {"JOB_TIMEOUT_SECONDS": text}) == (
        f"JOB_TIMEOUT_SECONDS: is '{text}', expected a number, more than 0",
    )


def test_choices_do_not_mind_capitals() -> None:
    """LOG_LEVEL=INFO is what people write."""
    assert load(Settings, GOOD | {"LOG_LEVEL": "WARNING"}).log_level == "warning"


def test_a_list_is_written_with_commas() -> None:
    """Lists have a form in an environment variable, and each part is checked."""
    environ = GOOD | {"MAIL_FROM": "a@example.com"}
    assert load(MailSettings, environ | {"SMTP_PORTS": "2525, 25"}).smtp_ports == (2525, 25)
    assert problems(environ | {"SMTP_PORTS": "25,smtp"}, MailSettings) == (
        "SMTP_PORTS: is '25,smtp', expected a list with commas",
    )


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n", "\r\n\r\n"])
def test_a_secret_may_come_from_a_file(tmp_path: Path, ending: str, mark: str) -> None:
    """X_FILE names a file that holds X; the editor's line ends and byte order mark are not part of it, spaces are."""
    (tmp_path / "key").write_bytes(f"{mark} key with spaces {ending}".encode())
    environ = GOOD | {"S3_SECRET_KEY": "", "S3_SECRET_KEY_FILE": str(tmp_path / "key")}
    assert load(Settings, environ).s3_secret_key == Secret(" key with spaces ")


def test_a_secret_and_its_file_contradict_each_other(tmp_path: Path) -> None:
    """Nobody has to know which of the two would win."""
    environ = GOOD | {"S3_SECRET_KEY_FILE": str(tmp_path)}
    assert problems(environ) == ("S3_SECRET_KEY and S3_SECRET_KEY_FILE are both set: keep one of them",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot read {path}: No such file or directory"),
        (b"", "{path} is empty, expected a text"),
        (b"\n", "{path} is empty, expected a text"),
        (b"\xff\xfe", "{path} is not UTF-8 text"),
        (b"\xef\xbb\xbf\r\n", "{path} is empty, expected a text"),
        (b"k\0e\0y\0", "{path} has a NUL character in it: is it text, in UTF-8?"),
        (b"x" * 70_000, "{path} is larger than 65536 bytes: is it the right file?"),
    ],
)
def test_a_secret_file_that_is_no_good_is_named(tmp_path: Path, content: bytes | None, reason: str) -> None:
    """The reason says which file and why."""
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    environ = GOOD | {"S3_SECRET_KEY": "", "S3_SECRET_KEY_FILE": str(path)}
    assert problems(environ) == (f"S3_SECRET_KEY_FILE: {reason.format(path=path)}",)


def test_a_wrong_secret_is_not_shown() -> None:
    """Error texts end in logs and chats."""
    text = "\n".join(problems(GOOD | {"DATABASE_URL": "mysql://night:correct-horse@db/night"}))
    assert "DATABASE_URL: is not usable, expected something like postgresql://" in text
    assert "correct-horse" not in text


def test_a_wrong_plain_value_is_shown_without_its_password() -> None:
    """A password in the wrong variable is still a password."""
    (line,) = problems(GOOD | {"S3_ENDPOINT": "ftp://me:hidden-word@host\n\x1b[2J"})
    assert line.startswith("S3_ENDPOINT: is 'ftp://***@host \\x1b[2J'")


def test_a_typing_mistake_is_pointed_out() -> None:
    """A variable that nearly has the name of a missing one is mentioned, by name only."""
    environ = {name: value for name, value in GOOD.items() if name != "DATABASE_URL"}
    (line,) = problems(environ | {"DATABSE_URL": "sqlite:///a.db", "DATABASE": "x"})
    assert line.startswith("DATABASE_URL is missing (DATABSE_URL is set: a typing mistake?), expected ")
    (line,) = problems(environ | {"DATABASE_URL_FIL": "/run/secrets/url"})
    assert "(DATABASE_URL_FIL is set: a typing mistake?)" in line


def test_rules_between_fields_are_checked_by_the_class() -> None:
    """`check` of the service and of the chassis both speak."""
    environ = GOOD | {"MAIL_FROM": "a@b", "SLOTS": "2000", "STARTTLS": "false", "NATS_USER": "night"}
    assert problems(environ, MailSettings) == (
        "NATS_PASSWORD is missing: NATS_USER and NATS_PASSWORD belong together",
        "SLOTS and STARTTLS: too many open conversations",
    )


def test_broker_credentials_are_one_kind(tmp_path: Path) -> None:
    """A credentials file and a user are two identities; files that are named must be there."""
    jwt = "-----BEGIN NATS USER JWT-----\neyJ0.eyJq.c2ln\n------END NATS USER JWT------\n"
    seed = f"-----BEGIN USER NKEY SEED-----\nSU{'A' * 56}\n------END USER NKEY SEED------\n"
    (tmp_path / "nats.creds").write_text(jwt + seed)
    environ = {"NATS_CREDS_FILE": str(tmp_path / "nats.creds"), "NATS_USER": "u", "NATS_PASSWORD": "long-password"}
    assert problems(environ, ProcessSettings) == (
        "NATS_CREDS_FILE and NATS_USER/NATS_PASSWORD are both set: keep one of them",
    )
    assert problems({"NATS_CA_FILE": "/nowhere/ca.pem"}, ProcessSettings) == (
        "NATS_CA_FILE: there is no file /nowhere/ca.pem",
    )


def test_printed_settings_hold_no_secret() -> None:
    """Whoever logs the settings logs no password, wherever it stands."""
    settings = load(Settings, GOOD | {"NATS_URL": "nats://user:open-sesame@broker:4222"})
    for text in (repr(settings), str(settings), f"{settings}"):
        assert "s3_bucket='nightshift'" in text
        assert "nats_url='nats://***@broker:4222'" in text
        assert not any(secret in text for secret in ("open-sesame", "correct-horse", "battery-staple"))


def test_loaded_secrets_are_hidden_from_then_on() -> None:
    """Every secret that is loaded, and the passwords inside addresses, register for redaction."""
    load(Settings, GOOD | {"NATS_URL": "nats://user:open-sesame@broker:4222"})
    text = redaction.redact("battery-staple correct-horse open-sesame access nats://broker:4222")
    assert text == "*** *** *** access nats://broker:4222"


def test_every_variable_of_the_chassis_says_what_it_is_for() -> None:
    """The list for --help and the README is complete: a description, and a default or `required`."""
    assert all(variable.description and variable.expected for variable in variables(Settings))
    assert _required(Settings) == {"DATABASE_URL"}


def test_a_service_whose_work_is_with_objects_requires_an_object_store() -> None:
    """Others go without one; nobody has half of one."""
    assert _required(ObjectSettings) == {"DATABASE_URL", "S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY"}
    without = {"DATABASE_URL": GOOD["DATABASE_URL"]}
    assert load(Settings, without).s3_endpoint is None
    assert [line.partition(",")[0] for line in problems(without, ObjectSettings)] == [
        "S3_ENDPOINT is missing",
        "S3_ACCESS_KEY is missing",
        "S3_SECRET_KEY is missing",
    ]
    assert [line.partition(":")[0] for line in problems(without | {"S3_ACCESS_KEY": "key"})] == [
        "S3_ENDPOINT is missing",
        "S3_SECRET_KEY is missing",
    ]


def _required(cls: type[Settings]) -> set[str]:
    return {variable.name for variable in variables(cls) if variable.required}


def test_the_list_of_variables_can_be_read() -> None:
    """A variable's paragraph has its name, meaning, form and default; a secret says that a file will do."""
    text = describe(MailSettings)
    assert "SMTP_PORTS\n    Ports to try.\n    a list with commas; default 587,25" in text
    assert "STARTTLS\n    Whether to encrypt.\n    true or false; default true" in text
    assert "SMTP_PASSWORD (or …_FILE)\n    Password at the mail server.\n    a text; optional" in text


@pytest.mark.parametrize("host", ["a" * 64, "broker..example", ".example", "256.1.1.1", "*.example.com", "x" * 300])
def test_a_host_that_cannot_exist_is_refused_at_the_start(host: str) -> None:
    """And not looked up for ever; a database's is not repeated, since it may be part of a password."""
    assert problems(GOOD | {"NATS_URL": f"nats://{host}:4222"}) == (
        "NATS_URL: no host and port can be read from it, expected something like nats://127.0.0.1:4222",
    )
    assert problems(GOOD | {"S3_ENDPOINT": f"http://{host}:8333"}) == (
        "S3_ENDPOINT: no host and port can be read from it, expected something like http://127.0.0.1:8333",
    )
    (said,) = problems(GOOD | {"DATABASE_URL": f"postgresql://user:password@{host}:5432/name"})
    assert said.startswith("DATABASE_URL: the database URL names a host that cannot exist")
    assert host not in said


@pytest.mark.parametrize(
    "host", ["my_broker", "m\u00fcnchen.example", "broker.", "[2001:db8::1]", "[fe80::1%lo]", "10.0.0.1"]
)
def test_a_host_that_may_exist_is_taken(host: str) -> None:
    """Underscores of containers, umlauts, a dot at the end, addresses of both kinds."""
    urls = {"NATS_URL": f"nats://{host}:4222", "S3_ENDPOINT": f"http://{host}:8333"}
    settings = load(Settings, GOOD | urls | {"DATABASE_URL": f"postgresql://user:password@{host}:5432/name"})
    assert settings.nats_servers == [f"nats://{host}:4222"]


def test_the_schema_of_our_tables_is_a_part_of_the_databases_address() -> None:
    """Whoever has the address finds the tables; a name that cannot be one is told by its own variable."""
    settings = load(Settings, GOOD | {"DATABASE_SCHEMA": "shop_jobs"})

    assert database_url(settings) == f"{GOOD['DATABASE_URL']}?nightshift_schema=shop_jobs"
    (problem,) = problems(GOOD | {"DATABASE_SCHEMA": "public"})
    assert problem.startswith("DATABASE_SCHEMA: the schema of Nightshift's tables cannot be 'public'")
    (problem,) = problems(GOOD | {"DATABASE_SCHEMA": "jobs", "DATABASE_URL": "sqlite:////tmp/x.db"})
    assert "DATABASE_SCHEMA is set, but SQLite has no schemas" in problem
