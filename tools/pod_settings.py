"""The settings of each service's pod, beside those that all have from `settings.env`."""

from typing import Any

from nightshift.objects.access import ObjectAccess
from nightshift.topology.permissions import CONSOLE_OPERATOR, IMPORTED_API
from schema.access import OBJECTS

GATEWAY = "gateway"
CONSOLE = "console"
GATEWAY_PORT = 8000
"""Where the gateway listens in its pod; `network.yaml` lets everybody reach it."""
CONSOLE_PORT = 8090
CONSOLE_USERS = "nightshift-console-users"
"""The Secret with the file of the people who may sign in to the console."""
USERS_FOLDER = "/run/users"
WEBHOOKS = "nightshift-webhooks"
"""The Secret with the file of webhook sources, and the secrets that it names."""
WEBHOOKS_FOLDER = "/run/webhooks"


def environment_of(service: str) -> list[dict[str, Any]]:
    """Return a service's keys at the object store and at providers, and what else gateway and console need."""
    key = {"secretKeyRef": {"name": f"nightshift-{service}", "key": "s3-access-key"}}
    own = [{"name": "S3_ACCESS_KEY", "valueFrom": key}] if OBJECTS.get(service, ObjectAccess()).write else []
    if service == "webhook":
        stripe = {"secretKeyRef": {"name": WEBHOOKS, "key": "stripe-api-key", "optional": True}}
        own.append({"name": "STRIPE_API_KEY", "valueFrom": stripe})
    values = {
        "NATS_API_PREFIX": IMPORTED_API,
        "GATEWAY_HOST": "0.0.0.0",  # noqa: S104 - inside a pod of its own
        "GATEWAY_PORT": str(GATEWAY_PORT),
        "GATEWAY_WEBHOOKS": f"{WEBHOOKS_FOLDER}/webhooks.toml",
        "TMPDIR": "/scratch",
    }
    console = {
        # With `console-viewer` and its password the broker lets it change nothing, whatever people's roles are.
        # It reads no bodies that are in the object store.
        "NATS_USER": CONSOLE_OPERATOR,
        "NATS_PASSWORD_FILE": "/run/credentials/operator-nats-password",
        "NATS_API_PREFIX": IMPORTED_API,
        "S3_ENDPOINT": "",
        "S3_SECRET_KEY_FILE": "",
        "AUDIT_FILE": "/tmp/unrecorded-actions.jsonl",  # noqa: S108 - the pod's own
        "CONSOLE_HOST": "0.0.0.0",  # noqa: S104 - the same
        "CONSOLE_PORT": str(CONSOLE_PORT),
        "CONSOLE_USERS_FILE": f"{USERS_FOLDER}/users.toml",
    }
    mine = {GATEWAY: values, CONSOLE: console}.get(service, {})
    return [*own, *({"name": name, "value": value} for name, value in mine.items())]
