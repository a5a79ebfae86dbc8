"""Signing in at an identity provider: with the code flow and PKCE, and nobody whom it does not vouch for."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser as Chromium
from playwright.async_api import expect

from nightshift.config.env_settings import SettingsError
from nightshift.config.settings import load
from nightshift.console.settings import ConsoleSettings
from nightshift.embedded.processes.ports import free_ports
from tests.harness import eventually
from tests.integration.services.console.browser import page_of
from tests.integration.services.console.harness import Browser, Console, console, people
from tests.integration.services.console.identity_provider import (
    CLIENT,
    SECRET,
    IdentityProvider,
    identity_provider,
    new_key,
)
from tests.integration.services.email.certificates import make_certificates
from tests.nginx import nginx

OIDC = {
    "console_oidc_client_id": CLIENT,
    "console_oidc_client_secret": SECRET,
    "console_oidc_roles": "sre=admin,on-call=operator,staff=viewer",
}


@pytest.fixture(scope="module")
async def shared_provider() -> AsyncIterator[IdentityProvider]:
    """A provider for all tests of the module."""
    async with identity_provider() as running:
        yield running


@pytest.fixture(autouse=True)
def provider(shared_provider: IdentityProvider) -> IdentityProvider:
    """The provider, which knows Grace, who is on call."""
    shared_provider.begin_anew()
    return shared_provider


@pytest.fixture(scope="module")
async def desk(shared_provider: IdentityProvider, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Console]:
    """A console that trusts it, and whose broker is away."""
    async with console(tmp_path_factory.mktemp("desk"), console_oidc_issuer=shared_provider.url, **OIDC) as running:
        yield running


@pytest.fixture
async def fresh(provider: IdentityProvider, tmp_path: Path) -> AsyncIterator[Console]:
    """A console that has asked the provider nothing yet."""
    async with console(tmp_path, console_oidc_issuer=provider.url, **OIDC) as running:
        yield running


async def sign_in(browser: Browser, path: str = "/sign-in/oidc?next=%2Fjobs") -> httpx.Response:
    """Go the whole way, as a browser does."""
    return await browser.open(path)


async def test_a_person_signs_in_and_is_led_back(desk: Console, provider: IdentityProvider) -> None:
    """By a link on the page of signing in; the name and the highest role of any group are shown."""
    async with desk.stranger() as browser:
        page = await browser.open("/dead?service=email")
        assert 'href="/sign-in/oidc?next=%2Fdead%3Fservice%3Demail"' in page.text
        answer = await sign_in(browser, "/sign-in/oidc?next=%2Fdead%3Fservice%3Demail")
        assert answer.url.path == "/dead"
        assert "grace <small>operator</small>" in answer.text
        asked = provider.asked[0]
        assert asked["scope"] == "openid profile email"
        assert asked["redirect_uri"] == f"{desk.url}/sign-in/oidc/callback"
        assert (await browser.send("/sign-out")).url.path == "/sign-in"


@pytest.mark.parametrize("methods", [("client_secret_post",), ("client_secret_basic",)])
async def test_the_secret_is_sent_as_the_provider_takes_it(
    desk: Console, provider: IdentityProvider, methods: tuple[str, ...]
) -> None:
    """In the form, or in a header."""
    provider.methods = methods
    async with desk.stranger() as browser:
        assert (await sign_in(browser)).url.path == "/jobs"


@pytest.mark.parametrize(
    ("groups", "role"), [(["sre", "staff"], "admin"), ("staff", "viewer"), (["on-call", 7, None], "operator")]
)
async def test_groups_give_the_role(desk: Console, provider: IdentityProvider, groups: Any, role: str) -> None:
    """A list, or one alone; what is no text is no group."""
    provider.person["groups"] = groups
    async with desk.stranger() as browser:
        assert f"grace <small>{role}</small>" in (await sign_in(browser)).text


CLAIMS: dict[str, dict[str, Any]] = {
    "for another audience": {"aud": "other"},
    "for several, and another party": {"aud": [CLIENT, "other"], "azp": "other"},
    "for several, and nobody in particular": {"aud": [CLIENT, "other"]},
    "for another party": {"azp": "other"},
    "of another issuer": {"iss": "https://evil.example"},
    "expired": {"exp": int(time.time()) - 60},
    "without an end": {"exp": None},
    "with another nonce": {"nonce": "another"},
    "without a nonce": {"nonce": None},
    "of nobody": {"sub": None},
    "of a name that cannot be shown": {"preferred_username": "a\nb"},
    "of a name that is no text": {"preferred_username": 7},
    "of no group that may": {"groups": ["strangers"]},
    "of a group that is called everybody": {"groups": ["*"]},
    "without groups": {"groups": None},
}


@pytest.mark.parametrize("claims", CLAIMS.values(), ids=CLAIMS)
async def test_a_token_that_is_wrong_in_any_way_signs_in_nobody(
    desk: Console, provider: IdentityProvider, claims: dict[str, Any]
) -> None:
    """Though it is signed by the provider."""
    provider.claims = claims
    async with desk.stranger() as browser:
        answer = await sign_in(browser)
        assert answer.status_code == 403, answer.text
        assert (await browser.client.get("/jobs")).status_code == 303


WAYS_BACK: dict[str, dict[str, str]] = {
    "with a state that was made up": {"state": "made-up"},
    "without a state": {"state": ""},
    "of another issuer": {"iss": "https://evil.example"},
    "with a code that was made up": {"code": "made-up"},
    "with an error": {"code": "", "error": "access_denied", "error_description": "<script>no</script>"},
}


@pytest.mark.parametrize("answer", WAYS_BACK.values(), ids=WAYS_BACK)
async def test_a_way_back_that_is_wrong_signs_in_nobody(
    desk: Console, provider: IdentityProvider, answer: dict[str, str]
) -> None:
    """What stands in the address is text."""
    provider.answer = answer
    async with desk.stranger() as browser:
        page = await sign_in(browser)
        assert page.status_code == 403
        assert "<script>" not in page.text
        assert (await browser.client.get("/jobs")).status_code == 303


async def test_a_way_back_works_once_and_in_the_browser_that_began_it(desk: Console) -> None:
    """A link that somebody else has prepared signs in nobody; nor does one from the history."""
    async with desk.stranger() as thief, desk.stranger() as victim:
        began = await thief.client.get("/sign-in/oidc?next=%2Fjobs")
        back = (await thief.client.get(began.headers["location"])).headers["location"]
        assert (await victim.open(back)).status_code == 403
        began = await thief.client.get("/sign-in/oidc?next=%2Fjobs")
        back = (await thief.client.get(began.headers["location"])).headers["location"]
        assert (await thief.open(back)).status_code == 200
        assert (await thief.client.get(back)).status_code == 403


async def test_a_key_of_somebody_else_signs_in_nobody(fresh: Console, provider: IdentityProvider) -> None:
    """Though it has the id of the provider's own."""
    provider.publishes = [new_key("first")]
    async with fresh.stranger() as browser:
        assert (await sign_in(browser)).status_code == 403


async def test_a_provider_that_changes_its_keys_is_followed(
    fresh: Console, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are fetched anew for a key that is not known."""
    async with fresh.stranger() as browser:
        assert (await sign_in(browser)).status_code == 200
    provider.signs = new_key("second")
    monkeypatch.setattr("nightshift.http.token_keys.UNKNOWN_KEY_SECONDS", 0.0)
    async with fresh.stranger() as browser:
        assert (await sign_in(browser)).status_code == 200


@pytest.mark.parametrize(
    "document",
    [{"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/token"}, {"jwks_uri": 7}],
)
async def test_a_provider_that_cannot_be_believed_is_not_asked(
    fresh: Console, provider: IdentityProvider, document: dict[str, Any]
) -> None:
    """Its document is of another issuer, or would have a secret sent in the clear."""
    provider.document = document
    async with fresh.stranger() as browser:
        answer = await sign_in(browser)
        assert answer.status_code == 503
        assert "identity provider" in answer.text


async def test_a_provider_that_is_away_is_told_apart_from_a_refusal(desk: Console, provider: IdentityProvider) -> None:
    """The next try may work."""
    provider.status = 502
    async with desk.stranger() as browser:
        assert (await sign_in(browser)).status_code == 503
        provider.status = 200
        assert (await sign_in(browser)).status_code == 200


async def test_people_of_the_file_sign_in_beside_it(provider: IdentityProvider, tmp_path: Path) -> None:
    """Both ways are offered; an end of the file's session ends no other."""
    file = tmp_path / "people.toml"
    file.write_text(people(grace="viewer"), encoding="utf-8")
    settings = OIDC | {"console_oidc_issuer": provider.url, "console_users_file": str(file)}
    async with console(tmp_path, **settings) as desk, desk.stranger() as browser, desk.person("grace") as other:
        assert "grace <small>operator" in (await sign_in(browser)).text
        assert "grace <small>viewer" in (await other.open("/jobs")).text
        file.write_text("[users]\n", encoding="utf-8")
        assert (await other.client.get("/jobs")).status_code == 303
        assert (await browser.client.get("/jobs")).status_code == 200


async def test_a_session_ends_when_the_provider_has_to_be_asked_anew(
    provider: IdentityProvider, tmp_path: Path
) -> None:
    """However much it was used: whoever was taken out there is out here."""
    short = {"console_oidc_issuer": provider.url, "console_session_hours": "0.0002"}
    async with console(tmp_path, **OIDC, **short) as desk, desk.stranger() as browser:
        assert (await sign_in(browser)).status_code == 200

        async def is_out() -> bool:
            return (await browser.client.get("/jobs")).status_code == 303

        await eventually(is_out, what="the session has ended")


async def test_behind_an_ingress_people_sign_in_at_a_provider_of_the_companys_own_authority(
    chromium: Chromium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By HTTPS all the way: they are led to where they wanted to go, with a cookie of that host alone."""
    certificates = make_certificates(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_file))
    plain, port = free_ports(2)
    address, folder = f"https://localhost:{port}", tmp_path / "nginx"
    folder.mkdir()
    settings = OIDC | {"console_url": address, "console_trusted_proxies": "127.0.0.1"}
    async with identity_provider(certificates) as provider:
        provider.begin_anew()
        lines = (
            f"listen 127.0.0.1:{port} ssl; ssl_certificate {certificates.certificate}; "
            f"ssl_certificate_key {certificates.key};\nlocation / {{ proxy_pass http://127.0.0.1:CONSOLE; "
            "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr; }"
        )
        async with (
            console(tmp_path, console_oidc_issuer=provider.url, **settings) as desk,
            nginx(folder, plain, lines.replace("CONSOLE", desk.url.rpartition(":")[2])),
            page_of(chromium, ignore_https_errors=True) as (page, heard),
        ):
            await page.goto(f"{address}/audit?who=ada")
            await page.get_by_role("link", name="Sign in at your identity provider").click()
            await expect(page.get_by_text("grace operator")).to_be_visible()
            assert page.url == f"{address}/audit?who=ada"
            (cookie,) = [one for one in await page.context.cookies() if one["name"] == "__Host-console"]
            assert (cookie["secure"], cookie["httpOnly"]) == (True, True)
            await page.get_by_role("button", name="Sign out").click()
            await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
            hosts = {one.removeprefix("asked ").split("/")[2] for one in heard if one.startswith("asked ")}
            assert hosts == {f"localhost:{port}", provider.url.removeprefix("https://")}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"CONSOLE_OIDC_ISSUER": "http://id.example.com"}, "expected https"),
        ({"CONSOLE_OIDC_CLIENT_ID": ""}, "CONSOLE_OIDC_CLIENT_ID is missing"),
        ({"CONSOLE_OIDC_ROLES": ""}, "CONSOLE_OIDC_ROLES is missing"),
        ({"CONSOLE_OIDC_ROLES": "sre=root"}, "one of viewer, operator, admin"),
        ({"CONSOLE_OIDC_ROLES": "sre"}, "is not a group"),
    ],
)
def test_settings_that_would_let_in_anybody_are_refused(settings: dict[str, str], said: str) -> None:
    """At the start, with what is expected."""
    given = {name.upper(): value for name, value in OIDC.items()} | {"CONSOLE_OIDC_ISSUER": "https://id.example.com"}
    with pytest.raises(SettingsError, match=said):
        load(ConsoleSettings, {"NATS_URL": "nats://127.0.0.1:9", **given, **settings})


def test_with_a_provider_the_console_may_listen_where_others_reach_it() -> None:
    """They sign in."""
    given = {name.upper(): value for name, value in OIDC.items()} | {"CONSOLE_OIDC_ISSUER": "https://id.example.com"}
    given |= {"NATS_URL": "nats://127.0.0.1:9", "CONSOLE_HOST": "0.0.0.0"}  # noqa: S104 - what is tried
    assert load(ConsoleSettings, given).has_sign_in
