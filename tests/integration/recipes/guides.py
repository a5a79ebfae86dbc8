"""The code of docs/applications as the files that it says it is, and the shop that it belongs to."""

import asyncio
import os
import re
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from nightshift.contract.catalogue import Catalogue
from nightshift.contract.message import Message
from tests.repository import ROOT

FOLDER = ROOT / "docs" / "from-your-application"
_BLOCK = re.compile(r"^```(?:python|js)\n(?:#|//) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A block of code that begins with the name of its file."""

# What any project of Django's has.
DJANGO = {
    "manage.py": """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
""",
    "shop/settings.py": """
import os
from urllib.parse import urlsplit
_url = urlsplit(os.environ["DATABASE_URL"])
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql", "NAME": _url.path[1:], "USER": _url.username, "PASSWORD": _url.password,
    "HOST": _url.hostname, "PORT": _url.port,
}}
NATS_URL = os.environ["NATS_URL"]
INSTALLED_APPS = ["shop"]
ROOT_URLCONF = "shop.urls"
SECRET_KEY = "a test's"
ALLOWED_HOSTS = ["*"]
DEBUG = False
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEST_RUNNER = "shop.test_runner.Runner"
""",
    "shop/models.py": """
from django.db import models
class Order(models.Model):
    id = models.IntegerField(primary_key=True)
    charged = models.BooleanField(default=False)
    class Meta:
        db_table = "orders"
""",
    "shop/urls.py": """
from django.urls import path
from shop import views
urlpatterns = [
    path("orders/<int:number>", views.place_order),
    path("invoices/<int:number>", views.charge_invoice),
    path("later/<int:number>", views.charge_later),
]
""",
    "shop/management/__init__.py": "",
    "shop/management/commands/__init__.py": "",
}


class ChargeInvoice(Message):
    """The message of the guides, for whoever reads what they have published."""

    SUBJECT = "jobs.billing.charge"

    invoice_id: str


class SendReceipt(Message):
    """Its follow-up."""

    SUBJECT = "jobs.billing.receipt"

    invoice_id: str


CATALOGUE = Catalogue(
    messages={message.TYPE: message for message in (ChargeInvoice, SendReceipt)},
    publishes={},
    event_consumers={},
    gateways={},
    internal=frozenset(),
    counts_dead_letters=frozenset(),
    timetables=(),
)


def files_of(page: str) -> dict[str, str]:
    """Return the files of a page, by their names."""
    return dict(_BLOCK.findall((FOLDER / page).read_text(encoding="utf-8")))


def write_shop(folder: Path, *pages: str, **others: str) -> Path:
    """Write the files of the common page and of others into a folder."""
    files = {"shop/__init__.py": "", **others}
    for page in ("README.md", *pages):
        files |= files_of(page)
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


async def run(folder: Path, *command: str | Path, **environ: str) -> str:
    """Run a program in the shop's folder until it ends well; return what it said."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), cwd=folder, env=surroundings(folder, **environ), stdout=PIPE, stderr=STDOUT
    )
    async with asyncio.timeout(120):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


def surroundings(folder: Path, **environ: str) -> dict[str, str]:
    """Return the environment in which the shop's code is found, and the library without its dependencies."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    return own | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT / 'shared'}"} | environ
