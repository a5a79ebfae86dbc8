"""Any environment gives settings that the process can be built of, or an error that names each wrong variable."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightshift.cli.client.settings import OperatorSettings
from nightshift.config.settings import ProcessSettings, Settings, SettingsError, describe, load, variables
from nightshift.runtime.composition import database_of
from nightshift.runtime.object_stores import object_store
from nightshift.runtime.provision_settings import ProvisionSettings
from nightshift.scheduler.settings import SchedulerSettings
from services.email.settings import EmailSettings
from services.maintenance.settings import MaintenanceSettings
from services.report.settings import ReportSettings
from services.sync.settings import SyncSettings
from services.upload.settings import UploadSettings

CLASSES: list[type[ProcessSettings]] = [
    Settings,
    EmailSettings,
    MaintenanceSettings,
    OperatorSettings,
    ProvisionSettings,
    ReportSettings,
    SchedulerSettings,
    SyncSettings,
    UploadSettings,
]
GOOD = {
    "DATABASE_URL": "postgresql://night@db/night",
    "S3_ENDPOINT": "http://127.0.0.1:8333",
    "S3_ACCESS_KEY": "access",
    "S3_SECRET_KEY": "a-long-secret",
    "MAIL_FROM": "Acme <hello@acme.example>",
    "SMTP_HOST": "mail.example",
}
PLANTED = "pLaNtEd-7hx2-secret"
FILES = {
    "missing": None,
    "folder": None,
    "empty": b"",
    "not text": b"\xff\xfe\x00",
    "huge": b"x" * 70_000,
    "line": f"{PLANTED}\n".encode(),
    "lines": f"{PLANTED}\nand more\n".encode(),
    "nul": b"a\x00b",
    "pem": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
}

_ANY = st.text(st.characters(), max_size=30)
"""Lone surrogates too, as os.environ gives them for bytes that are not UTF-8."""
_NUMBERS = st.sampled_from(
    [
        "nan",
        "-nan",
        "inf",
        "-1",
        "-0.0",
        "0",
        "1e400",
        "1e-400",
        "9" * 5_000,
        "0x10",
        "1_0",
        "\u0663",
        "65536",
        "1e3",
        " 7 ",
    ]
)
_AROUND = st.sampled_from(
    [
        "postgresql://a:{}@h/x",
        "postgresql://h:{}/x",
        "postgresql://{}/x",
        "postgresql:///{}?host={}",
        "postgresql://h/x?sslmode={}",
        "postgresql://h/x?sslrootcert={}",
        "postgresql://h/x?{}={}",
        "sqlite:///{}",
        "sqlite://{}/x",
        "nats://{}",
        "tls://a:{}@h:4222",
        "nats://h:{},nats://g",
        "ws://[{}]:1",
        "http://{}",
        "https://h:{}",
        "http://a:{}@h",
        "{} <a@b.example>",
        "a@{}.example",
        "true,{}",
    ]
)
_VALUES = st.one_of(_ANY, _NUMBERS, st.builds(lambda form, text: form.replace("{}", text), _AROUND, _ANY | _NUMBERS))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of all kinds."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "folder").mkdir()
    for name, content in FILES.items():
        if content is not None:
            (folder / name).write_bytes(content)
    return folder


pytestmark = pytest.mark.usefixtures("process_secrets")


def _names(cls: type[ProcessSettings]) -> list[str]:
    return [name for one in variables(cls) for name in (one.name, *([f"{one.name}_FILE"] if one.secret else []))]


@st.composite
def _environments(draw: st.DrawFn, cls: type[ProcessSettings], folder: Path) -> dict[str, str]:
    names = st.sampled_from(_names(cls)) | st.text(st.characters(), min_size=1, max_size=12)
    files = st.sampled_from([*FILES]).map(lambda name: str(folder / name))
    changes = draw(st.dictionaries(names, _VALUES | files, max_size=5))
    return {**(GOOD if draw(st.integers(0, 9)) else {}), **changes}


@pytest.mark.parametrize("cls", CLASSES)
@given(data=st.data())
@settings(max_examples=60)
def test_any_environment_gives_settings_or_an_error_that_names_the_variables(
    folder: Path, cls: type[ProcessSettings], data: st.DataObject
) -> None:
    """Nothing but SettingsError is raised; each line begins with a variable's name and can be printed anywhere."""
    environ = data.draw(_environments(cls, folder))
    loaded, problems = _outcome(cls, environ)
    assert bool(loaded) != bool(problems)
    assert all(re.split(r"[: ]", problem, maxsplit=1)[0] in _names(cls) for problem in problems)
    assert all(problem.isprintable() for problem in problems)
    if isinstance(loaded, Settings):
        database_of(loaded)
        object_store(loaded)


def _outcome(cls: type[ProcessSettings], environ: dict[str, str]) -> tuple[ProcessSettings | None, tuple[str, ...]]:
    try:
        return load(cls, environ), ()
    except SettingsError as error:
        return None, error.problems


@pytest.mark.parametrize("cls", CLASSES)
@given(data=st.data())
@settings(max_examples=30)
def test_no_error_shows_a_secret_whatever_else_is_wrong(
    folder: Path, cls: type[ProcessSettings], data: st.DataObject
) -> None:
    """Each secret variable holds one, bare, in a wrong form or in an address; none comes out."""
    secret = [one.name for one in variables(cls) if one.secret]
    forms = st.sampled_from(
        ["{}", "x {}", "mysql://a:{}@h/x", "postgresql://a:{}@h", "postgresql://a:{}@h:port/x", "{}\udc80"]
    )
    environ = data.draw(_environments(cls, folder))
    for name in secret:
        environ[name] = data.draw(forms).replace("{}", PLANTED)
    wrong = {"HEALTH_PORT": "none", "NATS_URL": f"nope://user:{PLANTED}@host"}
    with pytest.raises(SettingsError) as caught:
        load(cls, environ | wrong)
    assert PLANTED not in str(caught.value)
    assert len({"HEALTH_PORT", "NATS_URL"} & {problem.partition(":")[0] for problem in caught.value.problems}) == 2


def test_what_help_says_can_be_printed_for_every_class() -> None:
    """The list of variables is text for any terminal."""
    assert all(describe(cls).encode() for cls in CLASSES)
