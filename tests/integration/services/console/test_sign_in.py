"""Signing in: by password, by a one-time link, by a proxy; and out. Nobody is let in by another way."""

from pathlib import Path
from urllib.parse import urlencode

import pytest

from nightshift.config.env_settings import SettingsError
from nightshift.config.settings import load
from nightshift.console.settings import ConsoleSettings
from nightshift.console.sign_in.throttle import FREE_TRIES
from nightshift.embedded.processes.ports import free_ports
from tests.integration.services.console.harness import PASSWORD, SAME_ORIGIN, Console, console, location, people

PROXY_SECRET = "of the proxy alone"
PROXY = {
    "console_proxy_header": "X-Forwarded-User",
    "console_proxy_secret": PROXY_SECRET,
    "console_trusted_proxies": "127.0.0.1",
}


async def test_whoever_has_not_signed_in_is_asked_to_and_led_back(desk: Console) -> None:
    """A link from an alert leads where it should, after the password."""
    async with desk.stranger() as stranger:
        answer = await stranger.client.get("/queues/email?type=email.send")
        assert (answer.status_code, location(answer)) == (303, "/sign-in")
        wanted = answer.url.copy_with(raw_path=answer.headers["location"].encode()).params["next"]
        form = {"name": "ada", "password": PASSWORD, "next": wanted}
        answer = await stranger.client.post("/sign-in", data=form, headers=SAME_ORIGIN)
        assert answer.headers["location"] == "/queues/email?type=email.send"


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:x"])
async def test_signing_in_leads_nowhere_but_into_the_console(desk: Console, elsewhere: str) -> None:
    """An address that somebody else wrote into the link is not followed."""
    async with desk.stranger() as stranger:
        form = {"name": "ada", "password": PASSWORD, "next": elsewhere}
        answer = await stranger.client.post("/sign-in", data=form, headers=SAME_ORIGIN)
        assert answer.headers["location"] == "/"


async def test_a_session_ends_when_its_person_signs_out(desk: Console) -> None:
    """The cookie is worth nothing then, also to whoever copied it."""
    async with desk.person() as ada, desk.stranger() as thief:
        thief.client.cookies.update(ada.client.cookies)
        assert (await thief.client.get("/")).status_code == 200
        assert (await ada.send("/sign-out")).url.path == "/sign-in"
        assert (await thief.client.get("/")).status_code == 303


async def test_a_wrong_password_says_nothing_of_which_part_was_wrong_and_soon_has_to_wait(desk: Console) -> None:
    """An unknown name and a wrong password get the same answer; guessing becomes slow."""
    async with desk.stranger() as stranger:
        said = set()
        for number in range(FREE_TRIES):
            form = {"name": ("nobody", "vic")[number % 2], "password": "guess"}
            answer = await stranger.client.post("/sign-in", data=form, headers=SAME_ORIGIN)
            said.add((answer.status_code, "Name or password are wrong." in answer.text))
        assert said == {(403, True)}
        form = {"name": "ada", "password": PASSWORD}
        answer = await stranger.client.post("/sign-in", data=form, headers=SAME_ORIGIN)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1


async def test_whoever_is_taken_out_of_the_file_is_out_at_once(tmp_path: Path) -> None:
    """And a role that was changed is the new one after signing in again; a broken file changes nobody."""
    file = tmp_path / "people.toml"
    file.write_text(people(ada="operator"), encoding="utf-8")
    async with console(tmp_path, console_users_file=str(file)) as desk, desk.person() as ada:
        file.write_text("[users.ada\n", encoding="utf-8")
        assert (await ada.client.get("/")).status_code == 200
        file.write_text(people(bob="viewer"), encoding="utf-8")
        assert (await ada.client.get("/")).status_code == 303


async def test_a_link_lets_in_once_and_the_next_one_is_in_its_file(tmp_path: Path) -> None:
    """Opening its address changes nothing, so that a preview of it uses nothing up."""
    async with console(tmp_path) as desk:
        link = desk.link_file.read_text().strip()
        assert desk.link_file.stat().st_mode & 0o777 == 0o600
        async with desk.stranger() as first, desk.stranger() as second:
            shown = await first.client.get(f"/sign-in?{urlencode({'link': link})}")
            assert link in shown.text
            for browser, status in ((first, 303), (second, 403)):
                answer = await browser.client.post("/sign-in/link", data={"link": link}, headers=SAME_ORIGIN)
                assert answer.status_code == status
            assert "admin" in (await first.open("/")).text
            renewed = desk.link_file.read_text().strip()
            assert renewed != link
            answer = await second.client.post("/sign-in/link", data={"link": renewed}, headers=SAME_ORIGIN)
            assert answer.status_code == 303


async def test_whoever_came_by_the_link_stays_signed_in_over_a_restart(tmp_path: Path) -> None:
    """A developer's console starts anew at each change of the code; their secret is in no file."""
    (port,) = free_ports(1)
    async with console(tmp_path, console_port=str(port)) as desk, desk.stranger() as first:
        link = desk.link_file.read_text().strip()
        await first.client.post("/sign-in/link", data={"link": link}, headers=SAME_ORIGIN)
        token, cookies = await first.token(), first.client.cookies
        kept = desk.link_file.with_name("console-link-sessions")
        assert kept.stat().st_mode & 0o777 == 0o600
        assert not [secret for secret in cookies.values() if secret in kept.read_text()]
    async with console(tmp_path, console_port=str(port)) as desk, desk.stranger() as again:
        again.client.cookies.update(cookies)
        assert (await again.client.get("/")).status_code == 200
        assert await again.token() == token, "a form that was open can be sent"
        assert (await again.send("/sign-out")).url.path == "/sign-in"
    async with console(tmp_path, console_port=str(port)) as desk, desk.stranger() as late:
        late.client.cookies.update(cookies)
        assert (await late.client.get("/")).status_code == 303


async def test_sessions_that_cannot_be_read_cost_a_sign_in(tmp_path: Path) -> None:
    """The console starts all the same."""
    (tmp_path / "console-link-sessions").write_bytes(b"\xff[")
    async with console(tmp_path) as desk, desk.stranger() as browser:
        link = desk.link_file.read_text().strip()
        answer = await browser.client.post("/sign-in/link", data={"link": link}, headers=SAME_ORIGIN)
        assert answer.status_code == 303


async def test_a_proxy_says_who_it_is_with_its_secret_from_its_address(tmp_path: Path) -> None:
    """The header alone, or a wrong secret, is what anybody could send."""
    async with console(tmp_path, **PROXY) as desk, desk.stranger() as browser:
        secret, user = {"X-Console-Secret": PROXY_SECRET}, {"X-Forwarded-User": "eve@example.com"}
        answer = await browser.client.get("/", headers=secret | user)
        assert (answer.status_code, "eve@example.com" in answer.text, "viewer" in answer.text) == (200, True, True)
        for wrong in (user, secret, user | {"X-Console-Secret": "of somebody else"}):
            assert (await browser.client.get("/", headers=wrong)).status_code == 303


async def test_the_proxys_header_from_another_address_is_not_believed(tmp_path: Path) -> None:
    """Whoever reaches the port past the proxy is nobody."""
    async with console(tmp_path, **PROXY | {"console_trusted_proxies": "10.0.0.0/8"}) as desk, desk.stranger() as eve:
        headers = {"X-Console-Secret": PROXY_SECRET, "X-Forwarded-User": "eve"}
        assert (await eve.client.get("/", headers=headers)).status_code == 303


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"CONSOLE_HOST": "10.1.2.3"}, "CONSOLE_HOST: 10.1.2.3 can be reached by others"),
        ({"CONSOLE_PROXY_HEADER": "X-User"}, "CONSOLE_TRUSTED_PROXIES is missing"),
        ({"CONSOLE_PROXY_HEADER": "X-User", "CONSOLE_TRUSTED_PROXIES": "10.0.0.1"}, "CONSOLE_PROXY_SECRET is missing"),
        ({"CONSOLE_TRUSTED_PROXIES": "the proxy"}, "is no address or network"),
        ({"CONSOLE_USERS_FILE": "/nowhere/people.toml"}, "CONSOLE_USERS_FILE: cannot read"),
    ],
)
def test_settings_that_would_let_anybody_in_are_refused_at_the_start(settings: dict[str, str], problem: str) -> None:
    """Without a way to sign in the console is for its own machine."""
    with pytest.raises(SettingsError, match=problem):
        load(ConsoleSettings, settings)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[users.ada\n", "is not TOML"),
        ("[people.ada]\nrole = 'viewer'\n", r"expected tables \[users.NAME\]"),
        ("[users.ada]\nrole = 'king'\n", "role is 'king', expected one of viewer, operator, admin"),
        ("[users.ada]\nrole = 'viewer'\npassword = 'secret'\n", "password is no hash"),
        ("[users.'a b']\nrole = 'viewer'\n", "'a b' is no name"),
        ("[users.ada]\nrole = 'viewer'\nmail = 'x'\n", "there is no 'mail'"),
    ],
)
def test_a_file_of_users_that_makes_no_sense_says_where(tmp_path: Path, text: str, problem: str) -> None:
    """The console does not start with it."""
    file = tmp_path / "people.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=problem):
        load(ConsoleSettings, {"CONSOLE_USERS_FILE": str(file)})
