"""How the services are scaled on Kubernetes: by the lag of their consumers, with KEDA."""

from collections.abc import Sequence
from typing import Any

from nightshift.topology.consumer import Consumer
from nightshift.topology.permissions import ACCOUNT

ALWAYS_ON = {"email": 1, "upload": 1, "webhook": 1}
"""People wait for mails; and files and events that came while the broker was away are in the outbox, where nothing but
their service's relay sees them. Everything else may be scaled to zero."""
MOST_REPLICAS = 8
LAG_PER_REPLICA = {"upload": 8, "sync": 16, "report": 4, "maintenance": 5}
"""One replica for this many jobs, waiting or in flight: the slots of a worker, if they are few."""
USUAL_LAG_PER_REPLICA = 100
_MONITORING = "nats-headless.nats.svc.cluster.local:8222"


def scaled_object(metadata: dict[str, Any], consumers: Sequence[Consumer]) -> dict[str, Any]:
    """Return KEDA's object for the Deployment that has this metadata."""
    service = metadata["name"]
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": metadata,
        "spec": {
            "scaleTargetRef": {"name": service},
            "minReplicaCount": ALWAYS_ON.get(service, 0),
            "maxReplicaCount": MOST_REPLICAS,
            "pollingInterval": 5,
            "cooldownPeriod": 300,
            "triggers": [_trigger(service, consumer) for consumer in consumers],
        },
    }


def _trigger(service: str, consumer: Consumer) -> dict[str, Any]:
    metadata = {
        "natsServerMonitoringEndpoint": _MONITORING,
        "account": ACCOUNT,
        "stream": consumer.stream,
        "consumer": consumer.name,
        "lagThreshold": str(LAG_PER_REPLICA.get(service, USUAL_LAG_PER_REPLICA)),
    }
    return {"type": "nats-jetstream", "name": consumer.stream.lower().replace("_", "-"), "metadata": metadata}
