"""The settings of the sync service."""

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from nightshift import Settings
from nightshift.config.settings import Pattern, Secret
from schema.account_keys import AccountKeys

_MEBIBYTE = 1024 * 1024


class SyncSettings(Settings, frozen=True, kw_only=True):
    """Addresses and credentials of external services, and limits on size and time."""

    slots: Annotated[
        int, Meta(ge=1, description="Accounts that a worker syncs at the same time; it holds a page of each in memory.")
    ] = 16
    account_keys: Annotated[
        Secret | None,
        Meta(
            description="Keys that the credentials of linked accounts are encrypted with, as openssl rand -base64 32 "
            "makes them: one a line or with commas, the newest first. Without them accounts with credentials wait."
        ),
    ] = None
    github_url: Annotated[
        str,
        Pattern(r"https?://[^\s?#@]+", "https://api.github.com"),
        Meta(description="Address of GitHub's REST API, for accounts that name none of their own."),
    ] = "https://api.github.com"
    github_token: Annotated[
        Secret | None,
        Meta(description="Token for accounts without credentials; it is sent to GITHUB_URL and nowhere else."),
    ] = None
    sync_allow_private_addresses: Annotated[
        bool,
        Meta(
            description="Whether addresses from accounts may be private ones, and get credentials without TLS. "
            "For tests, or where all accounts are the operator's own."
        ),
    ] = False
    sync_proxy: Annotated[
        str | None,
        Pattern(r"https?://[^\s?#/]+/?", "http://proxy.example:3128"),
        Meta(
            description="HTTP proxy for all requests to external services. Proxies of the environment (HTTPS_PROXY, …) "
            "are not used. The proxy has to refuse private addresses itself."
        ),
    ] = None
    sync_max_page_bytes: Annotated[
        int, Meta(ge=1024, description="A larger response is refused, compressed or not.")
    ] = 8 * _MEBIBYTE
    sync_request_timeout_seconds: Annotated[
        float, Meta(gt=0, le=120, description="A response, including redirects, must be complete by then.")
    ] = 30
    sync_run_seconds: Annotated[
        float, Meta(gt=0, description="After so long an account makes way for others and continues later.")
    ] = 300

    def check(self) -> Iterable[str]:
        """Yield what does not fit together: the last page must end before its job is cancelled."""
        yield from super().check()
        try:
            _ = self.keys
        except ValueError as error:
            yield f"ACCOUNT_KEYS: {error}"
        if self.sync_run_seconds + 2 * self.sync_request_timeout_seconds >= self.job_timeout_seconds:
            yield (
                "SYNC_RUN_SECONDS and twice SYNC_REQUEST_TIMEOUT_SECONDS together must be less than "
                "JOB_TIMEOUT_SECONDS: the job would be cancelled first"
            )

    @property
    def keys(self) -> AccountKeys:
        """The keys of linked accounts' credentials, as they are now: their file may be replaced. They may be none."""
        return AccountKeys.parse(self.account_keys.reveal()) if self.account_keys else AccountKeys()
