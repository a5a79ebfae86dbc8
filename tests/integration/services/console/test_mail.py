"""The mail that a developer's jobs have sent: shown as a mail program shows it, and nothing in it runs or asks."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest
from playwright.async_api import Browser as Chromium
from playwright.async_api import expect

from nightshift.console.caught_mail import read_mail
from nightshift.embedded.processes.ports import LOOPBACK
from nightshift.embedded.servers.broker import Broker
from nightshift.embedded.servers.mailbox import Mailbox
from tests.integration.services.console import seed
from tests.integration.services.console.browser import page_of, sign_in_by_keyboard
from tests.integration.services.console.harness import Browser, Console, console, people

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
HOSTILE = (
    '<h1>Dear reader</h1><script>document.body.textContent = "it ran"</script>'
    '<img id="own" src="cid:own-image" alt="own"><img src="{tracker}/pixel.png" alt="">'
    '<p onclick="alert(1)">Click</p><form action="/queues/email/pause" method="post"><button>Go</button></form>'
    '<a href="https://shop.example/confirm?token=123456">Confirm</a>'
)


@dataclass
class Stage:
    """A console that shows a mailbox."""

    desk: Console
    mailbox: Mailbox

    def keep(self, content: bytes, *recipients: str) -> int:
        """Keep a message; return its number."""
        file = self.mailbox.store(content, "nightshift@example.com", recipients or ("ada@example.com",))
        return int(file.name.partition("-")[0])


@pytest.fixture(scope="module")
async def stage(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A console with a mailbox, into which nothing was sent."""
    folder = tmp_path_factory.mktemp("mail")
    file = folder / "people.toml"
    file.write_text(people(vic="viewer", root="admin"), encoding="utf-8")
    mailbox = Mailbox(folder / "messages")
    settings = {"console_users_file": str(file), "console_mail_folder": str(mailbox.folder)}
    async with console(folder, broker, **settings) as desk:
        yield Stage(desk, mailbox)


@pytest.fixture
async def root(stage: Stage) -> AsyncIterator[Browser]:
    """The browser of an admin."""
    async with stage.desk.person("root") as browser:
        yield browser


def message(subject: str = "Hello", html: str = "") -> EmailMessage:
    """A message with a text, and an HTML text with an image of its own."""
    made = EmailMessage()
    made["Subject"], made["To"] = subject, "ada@example.com"
    made.set_content("The text.")
    if html:
        made.add_alternative(html, subtype="html")
        (_, page) = made.iter_parts()
        assert isinstance(page, EmailMessage)
        page.add_related(PIXEL, maintype="image", subtype="png", cid="<own-image>")
    return made


async def test_messages_are_listed_the_newest_first_page_by_page(stage: Stage, root: Browser) -> None:
    """With whom they came to, also those in bcc."""
    assert "None yet" in (await root.open("/mail")).text
    for number in range(60):
        stage.keep(message(f"Subject {number:02}").as_bytes(), "ada@example.com", f"hidden{number}@example.com")
    first = (await root.open("/mail")).text
    assert first.index("Subject 59") < first.index("Subject 10")
    assert "Subject 09" not in first
    assert "hidden59@example.com" in first
    second = (await root.open("/mail?before=11")).text
    assert ("Subject 10" in second, "Subject 09" in second, "Subject 00" in second) == (False, True, True)


async def test_a_message_is_shown_with_its_texts_and_its_attachments_can_be_had(stage: Stage, root: Browser) -> None:
    """Names in any script; a download is never shown as a page."""
    made = message("Grüße")
    made.add_attachment(b"<script>alert(1)</script>", maintype="text", subtype="html", filename="Käse\r\n/../x.html")
    content = made.as_bytes()
    number = stage.keep(content)
    shown = (await root.open(f"/mail/{number}")).text
    assert "Grüße" in shown
    assert "The text." in shown
    part = await root.open(f"/mail/{number}/parts/1")
    assert part.content == b"<script>alert(1)</script>"
    assert part.headers["content-type"] == "application/octet-stream"
    assert part.headers["content-disposition"].startswith("attachment; filename*=UTF-8''K%C3%A4se")
    assert (await root.open(f"/mail/{number}/raw")).content.endswith(content)
    assert (await root.open(f"/mail/{number}/parts/2")).status_code == 404
    assert (await root.open(f"/mail/{number}/html")).status_code == 404
    assert (await root.open("/mail/999")).status_code == 404


async def test_who_may_not_see_bodies_sees_no_mail_either(stage: Stage) -> None:
    """Nor is there a way to it."""
    number = stage.keep(message("Private matter").as_bytes())
    async with stage.desk.person("vic") as vic:
        for path in ("/mail", f"/mail/{number}", f"/mail/{number}/html", f"/mail/{number}/raw"):
            answer = await vic.open(path)
            assert (answer.status_code, "Private matter" in answer.text) == (403, False), path
        assert 'href="/mail"' not in (await vic.open("/")).text


async def test_without_a_mail_catcher_there_is_no_such_page(broker: Broker, tmp_path: Path) -> None:
    """The console of a stack that sends real mail knows nothing of it."""
    file = tmp_path / "people.toml"
    file.write_text(people(root="admin"), encoding="utf-8")
    async with console(tmp_path, broker, console_users_file=str(file)) as desk, desk.person("root") as root:
        answer = await root.open("/mail")
        assert (answer.status_code, "No mail is caught here" in answer.text) == (404, True)
        assert 'href="/mail"' not in (await root.open("/")).text


async def test_what_a_message_says_neither_runs_nor_asks_anybody(stage: Stage, chromium: Chromium) -> None:
    """Its own images are shown; scripts, forms and images of other hosts are not."""
    callers = list[object]()
    tracker = await asyncio.start_server(lambda *caller: callers.append(caller), LOOPBACK, 0)
    address = "http://{}:{}".format(*tracker.sockets[0].getsockname())
    number = stage.keep(message("Dear reader", HOSTILE.replace("{tracker}", address)).as_bytes())
    async with tracker, page_of(chromium) as (page, heard):
        await sign_in_by_keyboard(page, stage.desk)
        await page.goto(f"{stage.desk.url}/mail/{number}")
        frame = page.frame_locator("iframe")
        await expect(frame.get_by_role("heading")).to_have_text("Dear reader")
        image = frame.locator("#own")
        await expect(image).to_have_js_property("complete", value=True)
        assert await image.evaluate("one => one.naturalWidth") == 1
        await frame.get_by_text("Click").click()
        await frame.get_by_role("button", name="Go").click()
        await expect(frame.get_by_role("heading")).to_have_text("Dear reader")
    assert callers == []
    assert not any(one.startswith("asked") and "pause" in one for one in heard)
    assert "a dialog" not in heard


async def test_a_link_in_a_message_opens_in_a_tab_of_its_own(stage: Stage, chromium: Chromium) -> None:
    """To confirm an address, say: the page stays."""
    html = f'<a href="{stage.desk.url}/help?token=123456">Confirm</a>'
    number = stage.keep(message("Confirm", html).as_bytes())
    async with page_of(chromium) as (page, _):
        await sign_in_by_keyboard(page, stage.desk)
        await page.goto(f"{stage.desk.url}/mail/{number}")
        async with page.context.expect_page() as opened:
            await page.frame_locator("iframe").get_by_role("link", name="Confirm").click()
        assert (await opened.value).url.endswith("/help?token=123456")
        assert page.url.endswith(f"/mail/{number}")


async def test_a_new_message_appears_on_the_page_that_is_open(stage: Stage, chromium: Chromium) -> None:
    """By itself."""
    async with page_of(chromium) as (page, _):
        await sign_in_by_keyboard(page, stage.desk)
        await page.goto(f"{stage.desk.url}/mail")
        stage.keep(message("Just now").as_bytes())
        await expect(page.get_by_role("link", name="Just now")).to_be_visible(timeout=20_000)


def test_a_message_of_the_samples_is_read_whole(tmp_path: Path) -> None:
    """Text, HTML, and the attachment."""
    seed.mail(tmp_path)
    (file,) = tmp_path.glob("*.eml")
    mail = read_mail(file.read_bytes())
    assert mail.subject == "Your weekly report"
    assert mail.text is not None
    assert "1,873 rows" in mail.text
    assert mail.html is not None
    assert [one.name for one in mail.attachments] == ["report.csv"]
