"""What holds for every route: who may, from where, with which headers; and that nothing is shown that should not be."""

import re
from pathlib import Path

import pytest

from nightshift.broker import Connection
from nightshift.broker.jetstream import store
from nightshift.console.app import routes
from nightshift.console.service import open_console
from nightshift.console.settings import ConsoleSettings
from nightshift.console.web.pages import CONTENT_SECURITY_POLICY, assets
from nightshift.console.web.visit import Route
from nightshift.contract import wire
from tests.integration.services.console import seed
from tests.integration.services.console.harness import SAME_ORIGIN, Console, console, people

OPEN = {
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("POST", "/sign-in/link"),
    ("GET", "/sign-in/oidc"),
    ("GET", "/sign-in/oidc/callback"),
    ("GET", "/static/{name}"),
}
"""What whoever has not signed in may reach."""
SAMPLES = {
    "service": "email",
    "sequence": "1",
    "name": "report.weekly",
    "type": "email.send",
    "id": "0" * 31,
    "number": "1",
    "part": "1",
}


def all_routes(folder: Path) -> list[Route]:
    """Every route of a console."""
    return routes(open_console(ConsoleSettings(console_link_file=folder / "link"), "http://127.0.0.1", 1))


def address(route: Route) -> str:
    """An address of a route."""
    return re.sub(r"\{(\w+)\}", lambda match: SAMPLES[match[1]], route.path)


async def test_no_route_but_signing_in_is_open_to_whoever_has_not(desk: Console, tmp_path: Path) -> None:
    """Each route that is there, also those that nobody thought of here."""
    found = all_routes(tmp_path)
    assert {(route.method, route.path) for route in found if route.right is None} == OPEN
    async with desk.stranger() as stranger:
        for route in found:
            answer = await stranger.client.request(route.method, address(route), headers=SAME_ORIGIN, data={})
            is_open = (route.method, route.path) in OPEN
            assert (answer.status_code == 303) is not is_open, f"{route.method} {route.path}: {answer.status_code}"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ],
)
async def test_what_changes_something_has_to_come_from_a_page_of_the_console(
    desk: Console, tmp_path: Path, headers: dict[str, str]
) -> None:
    """Every such route refuses what another site's page could send in a person's name."""
    async with desk.person("root") as root:
        token = await root.token()
        for route in all_routes(tmp_path):
            if route.method != "GET":
                form = {"token": token}
                answer = await root.client.request(route.method, address(route), headers=headers, data=form)
                assert answer.status_code == 403, route
        assert (await root.client.get("/")).status_code == 200


async def test_an_own_origin_stands_in_for_what_an_old_browser_does_not_say(desk: Console) -> None:
    """Browsers tell fetch metadata only to addresses that they trust."""
    async with desk.person() as ada:
        form = {"token": await ada.token()}
        answer = await ada.client.post("/sign-out", data=form, headers={"Origin": desk.url})
        assert answer.status_code == 303


async def test_a_form_of_another_session_is_refused(desk: Console) -> None:
    """The token is the session's own."""
    async with desk.person("ada") as ada, desk.person("root") as root:
        for token in ("", "wrong", await root.token()):
            answer = await ada.client.post("/sign-out", data={"token": token}, headers=SAME_ORIGIN)
            assert answer.status_code == 403


async def test_every_answer_has_the_headers_that_protect_its_reader(desk: Console) -> None:
    """Pages, errors, redirects and files."""
    async with desk.person() as ada:
        style = next(name for name in assets() if name.endswith(".css"))
        for path in ("/", "/nowhere", "/sign-in", f"/static/{style}", "/queues/email"):
            headers = (await ada.client.get(path)).headers
            assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cross-origin-opener-policy"] == "same-origin"
            kept = "public, max-age=31536000, immutable" if "static" in path else "no-store"
            assert headers["cache-control"] == kept


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(desk: Console) -> None:
    """Behind HTTPS it is bound to its host as well."""
    async with desk.stranger() as stranger:
        form = {"name": "ada", "password": "correct horse battery"}
        answer = await stranger.client.post("/sign-in", data=form, headers=SAME_ORIGIN)
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(answer.headers["set-cookie"].split("; "))


async def test_behind_a_proxy_with_https_and_a_path_every_address_is_right(tmp_path: Path) -> None:
    """Whether the proxy takes the path off or not; the cookie is of that host alone, which has to be the proxy's."""
    file = tmp_path / "people.toml"
    file.write_text(people(ada="operator"), encoding="utf-8")
    settings = {"console_users_file": str(file), "console_url": "https://ops.example.com/night/shift"}
    async with console(tmp_path, **settings) as desk, desk.stranger() as browser:
        client, host = browser.client, {"Host": "ops.example.com"}
        form = {"name": "ada", "password": "correct horse battery", "next": "/queues/email"}
        answer = await client.post("/night/shift/sign-in", data=form, headers=SAME_ORIGIN | host)
        assert answer.headers["location"] == "/night/shift/queues/email"
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-console=")
        assert "Secure" in cookie
        signed_in = host | {"Cookie": cookie.partition(";")[0]}
        for path in ("/night/shift/", "/night/shift", "/"):
            page = await client.get(path, headers=signed_in)
            assert page.status_code == 200
            addresses = set(re.findall(r'(?:href|src|action)="([^"]+)"', page.text)) - {"#main"}
            assert all(one.startswith("/night/shift/") for one in addresses), addresses
        assert page.headers["strict-transport-security"]
        assert (await client.get("/", headers=signed_in | {"Host": "evil.example"})).status_code == 421


async def test_a_strange_host_name_that_leads_to_this_machine_is_refused(desk: Console) -> None:
    """Another site's page whose name resolves to the loopback address reads nothing."""
    async with desk.person() as ada:
        assert (await ada.client.get("/", headers={"Host": "evil.example"})).status_code == 421
        assert (await ada.client.get("/", headers={"Host": "localhost:1"})).status_code == 200


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"token=x&token=y", "application/x-www-form-urlencoded", 400),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"a=%ff", "application/x-www-form-urlencoded", 400),
        (b"{}", "application/json", 400),
        (b"&".join(b"a%d=" % number for number in range(300)), "application/x-www-form-urlencoded", 400),
        (b"a=" + b"x" * 700_000, "application/x-www-form-urlencoded", 413),
    ],
)
async def test_a_form_that_makes_no_sense_is_refused_with_a_sentence(
    desk: Console, content: bytes, kind: str, status: int
) -> None:
    """Never a traceback, never a fault."""
    async with desk.person() as ada:
        headers = SAME_ORIGIN | {"Content-Type": kind}
        answer = await ada.client.post("/sign-out", content=content, headers=headers)
        assert answer.status_code == status
        assert "Traceback" not in answer.text


async def test_what_is_not_there_and_what_cannot_be_done_is_said(desk: Console) -> None:
    """With what there is instead."""
    async with desk.person() as ada:
        assert (await ada.client.get("/queues/emial")).status_code == 404
        assert "email, maintenance" in (await ada.client.get("/queues/emial")).text
        answer = await ada.client.delete("/")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
        assert (await ada.client.head("/")).content == b""
        for query in ("after=x", "at=yesterday", "type=report.generate", "type=email.*", "after=" + "9" * 30):
            assert (await ada.client.get(f"/queues/email?{query}")).status_code == 400, query


async def test_a_hostile_host_path_or_text_comes_back_as_text(desk: Console, operator: Connection) -> None:
    """Whatever a job, an address or a form carries: no element of a page is made of it."""
    await store(operator, "jobs.email.<script>", {wire.JOB_ID: seed.HOSTILE}, b"{}")
    script = "%3Cscript%3Ealert(1)%3C%2Fscript%3E"
    async with desk.person() as ada:
        for path in ("/queues/email", f"/queues/{script}", f"/sign-in?next=%22%3E{script}&link={script}"):
            assert "<script>" not in (await ada.client.get(path)).text
        assert "&lt;script&gt;alert(1)" in (await ada.client.get("/queues/email")).text


async def test_pages_ask_no_other_host_and_have_nothing_inline(desk: Console, tmp_path: Path) -> None:
    """No script, style or event handler stands in a page, and every address in it is the console's own.

    What a message says is no page: it is saved as a file, or stands in a frame that is kept apart (see test_mail).
    """
    messages = {"/mail/{number}/html", "/mail/{number}/raw"}
    async with desk.person("root") as root:
        for route in all_routes(tmp_path):
            if route.method == "GET" and route.path not in {"/static/{name}", "/live", *messages}:
                elements = " ".join(re.findall(r"<[^>]*>", (await root.client.get(address(route))).text))
                names = re.sub(r'="[^"]*"', '=""', elements)
                assert not re.search(r"<style|<script(?! src=)|\son\w+=|\sstyle=", names), route.path
                found = re.findall(r'(?:href|src|action)="([^"]*)"', elements)
                assert all(one.startswith(("/", "#")) for one in found), route.path


async def test_a_console_whose_broker_is_away_says_so_and_not_that_nothing_waits(tmp_path: Path) -> None:
    """A page comes all the same, and is no page of an empty queue."""
    async with console(tmp_path) as desk, desk.stranger() as browser:
        link = desk.link_file.read_text().strip()
        await browser.client.post("/sign-in/link", data={"link": link}, headers=SAME_ORIGIN)
        page = await browser.open("/")
        assert page.status_code == 200
        assert "The figures are not known" in page.text
        assert "that does not mean that nothing waits" in page.text
