"""The settings of the console."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from nightshift.cli.client.settings import OperatorSettings
from nightshift.config.env_fields import Pattern
from nightshift.config.env_settings import SettingsError
from nightshift.config.networks import network_problems
from nightshift.config.secret import Secret
from nightshift.console.links import link_problems
from nightshift.console.rights import Role, roles_of_groups
from nightshift.console.sign_in.users_file import read_users

_SHORTEST_SECRET = 16


class ConsoleSettings(OperatorSettings, frozen=True, kw_only=True):
    """Where the console listens, and who may use it. Its user at the broker decides whether it can change anything."""

    console_host: Annotated[
        str, Meta(description="Address that the console listens on; any but a loopback one needs a way to sign in.")
    ] = "127.0.0.1"
    console_port: Annotated[
        int, Meta(ge=0, le=65_535, description="Port that the console listens on; 0 takes a free one.")
    ] = 8090
    console_url: Annotated[
        str | None,
        Pattern(r"https?://[^\s/?#]+(?:/[^\s?#]*)?", "https://ops.example.com/nightshift"),
        Meta(
            description="Address by which people reach the console, where a proxy stands before it; with a path, if "
            "it has one there."
        ),
    ] = None
    console_name: Annotated[
        str, Meta(max_length=40, description="Name of this environment, shown on every page: production.")
    ] = ""
    console_links: Annotated[
        tuple[str, ...],
        Meta(
            description="Links on the page of a job, each a name, = and an address in which {type}, {id}, {tenant} and "
            "{trace} are replaced: Trace=https://traces.example.com/{trace}. One whose value is not known is left out."
        ),
    ] = ()
    console_users_file: Annotated[
        Path | None,
        Meta(description="File of the people who may sign in (TOML); read anew when it changes. See docs/console.md."),
    ] = None
    console_link_file: Annotated[
        Path | None,
        Meta(
            description="File that holds the one-time link of a console on a loopback address, which is made anew "
            "after each use; unset: it is printed."
        ),
    ] = None
    console_proxy_header: Annotated[
        str | None,
        Pattern(r"[A-Za-z][A-Za-z0-9-]*", "X-Forwarded-User"),
        Meta(description="Header in which a proxy names the person whom it has signed in."),
    ] = None
    console_proxy_secret: Annotated[
        Secret | None, Meta(description="What that proxy sends in X-Console-Secret, so that nobody else can say so.")
    ] = None
    console_proxy_role: Annotated[
        Role, Meta(description="Role of a person from the proxy whom the file of users does not name.")
    ] = "viewer"
    console_trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Addresses or networks of the proxies whose X-Forwarded-For and header are believed."),
    ] = ()
    console_oidc_issuer: Annotated[
        str | None,
        Pattern(r"https?://[^\s/?#]+(?:/[^\s?#]*)?", "https://id.example.com/realms/ops"),
        Meta(description="Issuer of an identity provider (OpenID Connect) at which people sign in."),
    ] = None
    console_oidc_client_id: Annotated[str, Meta(description="What the console is called there.")] = ""
    console_oidc_client_secret: Annotated[
        Secret | None, Meta(description="Its secret there; a public client, which has none, is safe by PKCE alone.")
    ] = None
    console_oidc_roles: Annotated[
        tuple[str, ...],
        Meta(
            description="Which role a group of the provider has: sre=admin,on-call=operator,*=viewer. * stands for "
            "everybody who can sign in there; without it, whoever is in none of the groups is refused."
        ),
    ] = ()
    console_oidc_groups_claim: Annotated[
        str, Meta(min_length=1, description="The claim of the ID token that lists a person's groups.")
    ] = "groups"
    console_oidc_name_claim: Annotated[
        str, Meta(min_length=1, description="The claim that names a person; sub where it is missing.")
    ] = "preferred_username"
    console_oidc_scopes: Annotated[
        tuple[str, ...], Meta(description="What is asked of the provider, besides openid.")
    ] = ("profile", "email")
    console_mail_folder: Annotated[
        Path | None,
        Meta(
            description="Folder in which a mail catcher keeps messages (.eml), for the page Mail; `nightshift up` sets "
            "it for its own."
        ),
    ] = None
    console_two_person: Annotated[
        int,
        Meta(
            ge=0,
            description="From so many dead letters on, a second person has to agree before they are discarded; 0: "
            "nobody has to.",
        ),
    ] = 0
    console_session_hours: Annotated[
        float, Meta(gt=0, le=720, description="How long a session lasts without being used.")
    ] = 12

    @property
    def has_sign_in(self) -> bool:
        """Whether people can sign in other than by a link from the machine's own terminal."""
        return bool(self.console_users_file or self.console_proxy_header or self.console_oidc_issuer)

    @property
    def prefix(self) -> str:
        """The path under which the console is reached, without a slash at its end."""
        return urlsplit(self.console_url or "").path.rstrip("/")

    def check(self) -> Iterable[str]:
        """Yield what is wrong with address, users and proxy."""
        yield from super().check()
        if not is_loopback(self.console_host) and not self.has_sign_in:
            yield (
                f"CONSOLE_HOST: {self.console_host} can be reached by others: set CONSOLE_USERS_FILE, "
                "CONSOLE_OIDC_ISSUER or CONSOLE_PROXY_HEADER, so that they sign in, or listen on 127.0.0.1"
            )
        if self.console_users_file is not None:
            try:
                read_users(self.console_users_file)
            except SettingsError as error:
                yield from error.problems
        yield from link_problems(self.console_links)
        yield from _proxy_problems(self)
        yield from _oidc_problems(self)


def is_loopback(host: str) -> bool:
    """Return whether an address is reached from its own machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _proxy_problems(settings: ConsoleSettings) -> Iterator[str]:
    yield from network_problems("CONSOLE_TRUSTED_PROXIES", settings.console_trusted_proxies)
    if settings.console_proxy_header is None:
        return
    if not settings.console_trusted_proxies:
        yield "CONSOLE_TRUSTED_PROXIES is missing: with CONSOLE_PROXY_HEADER, anybody could claim to be anyone"
    if settings.console_proxy_secret is None:
        yield "CONSOLE_PROXY_SECRET is missing: with CONSOLE_PROXY_HEADER, whoever reaches the port could be anyone"
    elif len(settings.console_proxy_secret.reveal()) < _SHORTEST_SECRET:
        yield f"CONSOLE_PROXY_SECRET: expected at least {_SHORTEST_SECRET} characters"


def _oidc_problems(settings: ConsoleSettings) -> Iterator[str]:
    if settings.console_oidc_issuer is None:
        return
    url = urlsplit(settings.console_oidc_issuer)
    if url.scheme != "https" and not is_loopback(url.hostname or ""):
        yield "CONSOLE_OIDC_ISSUER: expected https, so that nobody in between can say who somebody is"
    if not settings.console_oidc_client_id:
        yield "CONSOLE_OIDC_CLIENT_ID is missing: a provider tells a client who somebody is"
    try:
        if not roles_of_groups(settings.console_oidc_roles):
            yield "CONSOLE_OIDC_ROLES is missing: it says which group has which role, such as on-call=operator,*=viewer"
    except ValueError as error:
        yield f"CONSOLE_OIDC_ROLES: {error}"
