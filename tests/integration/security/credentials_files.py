"""An operator, an account and users of the test's own, as `nsc` makes them, for a broker and its clients."""

import base64
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nkeys

_UNLIMITED = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1)
_DISK = dict.fromkeys(("disk_storage", "mem_storage", "streams", "consumer"), -1)
_CREDENTIALS = """\
-----BEGIN NATS USER JWT-----
{jwt}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
{seed}
------END USER NKEY SEED------
"""


class Key:
    """A pair of keys; `kind` is what its public key begins with."""

    def __init__(self, kind: int) -> None:
        self.seed: str = nkeys.encode_seed(os.urandom(32), kind).decode()
        self._pair = nkeys.from_seed(bytearray(self.seed.encode()))
        self.public: str = self._pair.public_key.decode()

    def vouch(self, subject: "Key", kind: str, **claims: Any) -> str:
        """A JWT in which this key says what another one is."""
        now = int(time.time())
        said = {"jti": os.urandom(8).hex(), "iat": now, "iss": self.public, "sub": subject.public, "name": kind}
        parts = ({"typ": "JWT", "alg": "ed25519-nkey"}, {**said, "nats": {"type": kind, "version": 2, **claims}})
        text = ".".join(_base64(json.dumps(part).encode()) for part in parts)
        return f"{text}.{_base64(self._pair.sign(text.encode()))}"


@dataclass(frozen=True)
class Authority:
    """An operator with one account; the broker's configuration names both."""

    account: Key
    config: str

    def write(self, file: Path, *, account: Key | None = None) -> str:
        """Write the credentials file of a new user (of another account, if one is given); return its seed."""
        user, issuer = Key(nkeys.PREFIX_BYTE_USER), account or self.account
        jwt = issuer.vouch(user, "user", subs=-1, data=-1, payload=-1, pub={}, sub={})
        file.write_text(_CREDENTIALS.format(jwt=jwt, seed=user.seed))
        return user.seed


def new_authority() -> Authority:
    """Create one; an account for the broker's own affairs is part of it."""
    operator, system, account = (Key(kind) for kind in (nkeys.PREFIX_BYTE_OPERATOR, *[nkeys.PREFIX_BYTE_ACCOUNT] * 2))
    limits = {**_UNLIMITED, "wildcards": True}
    accounts = {
        system.public: operator.vouch(system, "account", limits=limits),
        account.public: operator.vouch(account, "account", limits={**limits, **_DISK}),
    }
    preload = "\n".join(f"  {name}: {jwt}" for name, jwt in accounts.items())
    config = f"operator: {operator.vouch(operator, 'operator')}\nsystem_account: {system.public}\nresolver: MEMORY\n"
    return Authority(account, f"{config}resolver_preload {{\n{preload}\n}}\n")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
