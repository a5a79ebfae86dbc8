"""The Kubernetes manifests: valid by the published schemas, complete, and what the topology calls for."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it comes without types
import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from deploy import credentials, streams
from nightshift.config.settings import variables
from nightshift.console.settings import ConsoleSettings
from nightshift.contract.catalogue import load_catalogue
from nightshift.runtime.provision_settings import ProvisionSettings
from nightshift.topology.topology import declared_topology
from services.email.settings import EmailSettings
from services.gateway.settings import FileGatewaySettings
from services.sync.settings import SyncSettings
from services.upload.settings import UploadSettings
from tests.repository import SERVICES
from tests.servers import absent
from tools import kubernetes, pod_settings

FOLDER = kubernetes.FOLDER
CUSTOM = Path(__file__).parent / "custom_resources"
(DRAIN_GRACE_SECONDS,) = (
    float(variable.default or 0) for variable in variables(UploadSettings) if variable.field == "drain_grace_seconds"
)
MONITORING = FOLDER / "monitoring"
APART = {"backup-example.yaml", "ingress-example.yaml", "nats-network.yaml"}
"""Applied by themselves."""
NO_SERVICES = {"exporter", "operator"}
OTHER_FILES = {"kustomization.yaml", "nats-values.yaml", "nats-tls-values.yaml"}
DOCUMENTS = [
    (file.name, document)
    for file in sorted(FOLDER.glob("*.yaml"))
    if file.name not in OTHER_FILES
    for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))
]
OF_MONITORING = [
    (f"monitoring/{file.name}", document)
    for file in sorted(MONITORING.glob("*.yaml"))
    if file.name not in OTHER_FILES
    for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))
]
ALL = [*DOCUMENTS, *OF_MONITORING]
NAMES = [f"{file} {document['kind']}" for file, document in ALL]


def of_kind(kind: str) -> dict[str, Any]:
    """The manifests of one kind, by name; of Deployments those of the services."""
    found = {document["metadata"]["name"]: document for _, document in DOCUMENTS if document["kind"] == kind}
    return {name: document for name, document in found.items() if kind != "Deployment" or name not in NO_SERVICES}


def closed(schema: Any) -> Any:
    """The schema with every object closed: a misspelt field is an error and not ignored."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    parts = {name: closed(part) for name, part in schema.items()}
    if "properties" in schema and "additionalProperties" not in schema:
        parts["additionalProperties"] = False
    return parts


Validators = Mapping[str, Draft202012Validator]


@pytest.fixture(scope="module")
def custom() -> Validators:
    """The schemas that KEDA and Prometheus' operator publish, by kind, as their CustomResourceDefinitions say them."""
    found = {}
    for file in CUSTOM.glob("*.yaml"):
        definition = yaml.safe_load(file.read_text(encoding="utf-8"))["spec"]
        (version,) = definition["versions"]
        schema = closed(version["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        schema["properties"]["apiVersion"] = {"const": f"{definition['group']}/{version['name']}"}
        found[definition["names"]["kind"]] = Draft202012Validator(schema)
    return found


def validate(document: dict[str, Any], custom: Validators) -> None:
    """Strictly: a field that Kubernetes, KEDA or Prometheus' operator does not know is a mistake."""
    if document["kind"] in custom:
        custom[document["kind"]].validate(document)
    else:
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize(("file", "document"), ALL, ids=NAMES)
def test_a_manifest_fits_the_published_schema(file: str, document: dict[str, Any], custom: Validators) -> None:
    """Each file of the folder, by itself."""
    del file
    validate(document, custom)


def test_what_kustomize_renders_fits_the_published_schemas(tmp_path: Path, custom: Validators) -> None:
    """All of it, with monitoring and the Secrets of credentials: what an API server would be given."""
    copy = tmp_path / "kubernetes"
    shutil.copytree(FOLDER, copy)
    assert credentials.main(["--out", str(copy / "credentials"), "--kustomize", "--external-objects"]) == 0
    file = copy / "kustomization.yaml"
    text = file.read_text(encoding="utf-8") + "components: [monitoring, credentials]\n"
    file.write_text(text, encoding="utf-8")
    documents = rendered(copy)
    assert {"Secret", "ConfigMap", "Job", "Deployment", "PodMonitor"} <= {document["kind"] for document in documents}
    for document in documents:
        validate(document, custom)


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("ScaledObject", "maxReplicaCount", "maxReplicas"),
        ("PodMonitor", "podMetricsEndpoints", "podMetricEndpoints"),
        ("PrometheusRule", '"expr"', '"query"'),
        ("Deployment", "readinessProbe", "readynessProbe"),
    ],
)
def test_a_misspelt_field_is_found(kind: str, right: str, wrong: str, custom: Validators) -> None:
    """The check itself works."""
    document = next(document for _, document in ALL if document["kind"] == kind)
    misspelt = json.dumps(document).replace(right, wrong)
    assert misspelt != json.dumps(document)
    with pytest.raises((ValidationError, kubernetes_validate.ValidationError)):
        validate(json.loads(misspelt), custom)


def test_the_generated_files_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    """What is committed is what the topology gives."""
    assert kubernetes.main(["--check"]) == 0, capsys.readouterr().err


def test_kustomize_takes_all_files() -> None:
    """A new file is named in the kustomization, and what is named exists."""
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert sorted(listed) == sorted({file for file, _ in DOCUMENTS} - APART)
    component = yaml.safe_load((MONITORING / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert sorted([*component, "kustomization.yaml"]) == sorted(file.name for file in MONITORING.iterdir())


def rendered(folder: Path) -> list[dict[str, Any]]:
    """What kustomize makes of a folder, where it is installed (it is part of kubectl)."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        absent("kubectl is not installed, which kustomize is part of")
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)  # noqa: S603 - found on PATH
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def test_kustomize_can_build_it() -> None:
    """With the tool itself; every image is the one of the kustomization."""
    built = [document for document in rendered(FOLDER) if document["kind"] == "Deployment"]
    assert {document["metadata"]["name"] for document in built} == {*SERVICES, *NO_SERVICES}
    image = {document["spec"]["template"]["spec"]["containers"][0]["image"] for document in built}
    assert image == {"registry.example.com/nightshift:0.1.0"}


def test_monitoring_is_one_line_more(tmp_path: Path) -> None:
    """`components: [monitoring]`, as the kustomization says; the rules are those that promtool has tried."""
    copy = tmp_path / "kubernetes"
    shutil.copytree(FOLDER, copy)
    file = copy / "kustomization.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "components: [monitoring]\n", encoding="utf-8")
    built = {(one["kind"], one["metadata"]["name"]): one for one in rendered(copy)}
    rules = yaml.safe_load((kubernetes.ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
    assert built["PrometheusRule", "alerts"]["spec"] == rules
    assert built["ConfigMap", "dashboard"]["metadata"]["labels"]["grafana_dashboard"] == "1"
    jobs = {name: built["PodMonitor", name]["spec"]["podMetricsEndpoints"][0] for name in ("services", "broker")}
    for name, endpoint in jobs.items():
        assert {"targetLabel": "job", "replacement": name} in endpoint["relabelings"]
        assert endpoint["port"] == "health"


def mounted(folder: Path) -> dict[str, str]:
    """The Secret of credentials that each Deployment mounts, as kustomize renders it."""
    pods = {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]
        for one in rendered(folder)
        if "template" in one.get("spec", {})
    }
    return {
        name: volume["secret"]["secretName"]
        for name, pod in pods.items()
        for volume in pod.get("volumes", [])
        if volume["name"] == "credentials"
    }


def test_a_new_password_begins_a_rollout_of_whoever_reads_it(tmp_path: Path) -> None:
    """`--kustomize` makes a component of the credentials; a Secret's name changes with what it holds, and no other."""
    copy = tmp_path / "kubernetes"
    shutil.copytree(FOLDER, copy)
    arguments = ["--out", str(copy / "credentials"), "--kustomize", "--external-objects", "--database", "pg/nightshift"]
    assert credentials.main(arguments) == 0
    file = copy / "kustomization.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "components: [credentials]\n", encoding="utf-8")
    before = mounted(copy)
    assert before.keys() == {*SERVICES, "operator", "provision"}
    assert all(name.startswith("nightshift-") and name.count("-") == 2 for name in before.values()), before
    (copy / "credentials" / "email" / "nats-password").unlink()
    assert credentials.main(arguments) == 0
    after = mounted(copy)
    assert {name for name, secret in before.items() if after[name] != secret} == {"email"}


def test_the_example_of_a_backup_is_a_command_that_there_is() -> None:
    """With the operator's password, the image of the guide, and read-only but for its volume."""
    pod = of_kind("CronJob")["backup"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == "registry.example.com/nightshift:0.1.0"
    assert container["command"][2].startswith(f"python -m {streams.__name__} save ")
    assert container["securityContext"]["readOnlyRootFilesystem"]
    names = {one["name"] for one in container["env"]}
    assert names <= {variable.name for variable in variables(ProvisionSettings)} | {"NATS_PASSWORD_FILE"}


def test_what_reads_files_of_strangers_may_not_take_all_processors() -> None:
    """As in compose."""
    for name, document in of_kind("Deployment").items():
        (container,) = document["spec"]["template"]["spec"]["containers"]
        assert ("cpu" in container["resources"]["limits"]) == (name in {"upload", "sync", "report"}), name


def test_provisioning_comes_first_with_its_settings() -> None:
    """What the guide's first command picks by its labels is the job and what it reads."""
    wanted = {"provision", "settings"}
    picked = [
        one["kind"]
        for one in rendered(FOLDER)
        if one["metadata"].get("labels", {}).get("app.kubernetes.io/name") in wanted
    ]
    assert sorted(picked) == ["ConfigMap", "Job"]
    assert "-l 'app.kubernetes.io/name in (provision,settings)'" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_guide_uses_the_image_that_it_builds() -> None:
    """Every image in its commands is the one of its first step."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert (
        "docker build --build-arg REVISION=$(git describe --always) -t registry.example.com/nightshift:0.1.0 ." in text
    )
    assert "nightshift:latest" not in text


def test_who_needs_no_store_reaches_none() -> None:
    """The scheduler and the exporter reach the broker alone; nobody the addresses that give a machine's credentials."""
    policies = of_kind("NetworkPolicy")
    (expression,) = policies["stores-and-providers"]["spec"]["podSelector"]["matchExpressions"]
    assert expression == {"key": "app.kubernetes.io/name", "operator": "NotIn", "values": ["scheduler", "exporter"]}
    (block, _) = policies["stores-and-providers"]["spec"]["egress"][0]["to"]
    assert block["ipBlock"]["except"] == ["169.254.0.0/16"]
    ports = [port["port"] for rule in policies["names-and-broker"]["spec"]["egress"] for port in rule["ports"]]
    assert ports == [53, 53, 4222, 8222]


def test_the_console_reaches_an_identity_provider_and_is_told_of_it_where_the_documents_say() -> None:
    """By HTTPS anywhere, as what users name; its secret is in the Secret that it mounts; the ingress is its address."""
    (expression,) = of_kind("NetworkPolicy")["stores-and-providers"]["spec"]["podSelector"]["matchExpressions"]
    assert "console" not in expression["values"]
    lines = (FOLDER / "settings.env").read_text(encoding="utf-8").replace("# CONSOLE_", "CONSOLE_")
    told = dict(line.partition("=")[::2] for line in lines.splitlines() if line.startswith("CONSOLE_"))
    known = {variable.name for variable in variables(ConsoleSettings)}
    assert {name.removesuffix("_FILE") for name in told} <= known
    (container,) = of_kind("Deployment")["console"]["spec"]["template"]["spec"]["containers"]
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert told["CONSOLE_OIDC_CLIENT_SECRET_FILE"].rpartition("/")[0] in mounted
    assert told["CONSOLE_URL"] == f"https://{of_kind('Ingress')['console']['spec']['rules'][0]['host']}"


def test_replicas_are_spread_over_machines() -> None:
    """Each service's own pods count."""
    for name, document in of_kind("Deployment").items():
        (spread,) = document["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert spread["labelSelector"]["matchLabels"] == {"app.kubernetes.io/name": name}


def test_every_service_has_its_deployment_budget_and_scaling() -> None:
    """The scheduler and the gateway are no workers: they have two replicas, always."""
    assert set(of_kind("Deployment")) == set(of_kind("PodDisruptionBudget")) == set(SERVICES)
    assert set(of_kind("ScaledObject")) == set(SERVICES) - {"scheduler", "gateway", "console"}
    assert {of_kind("Deployment")[name]["spec"]["replicas"] for name in ("scheduler", "gateway")} == {2}


def test_the_gateway_is_reached_on_its_port() -> None:
    """By the ingress through the Service, past the network policy that closes every other pod; it is told so itself."""
    (container,) = of_kind("Deployment")["gateway"]["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    environment = {one["name"]: one.get("value") for one in container["env"]}
    assert environment["GATEWAY_PORT"] == str(ports["http"])
    service, (rule,) = of_kind("Service")["gateway"]["spec"], of_kind("Ingress")["gateway"]["spec"]["rules"]
    assert service["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]
    assert rule["http"]["paths"][0]["backend"]["service"] == {"name": "gateway", "port": {"name": "http"}}
    (opened,) = of_kind("NetworkPolicy")["gateway"]["spec"]["ingress"]
    assert [port["port"] for port in opened["ports"]] == [ports["http"]]
    variables_of_gateway = {variable.name for variable in variables(FileGatewaySettings)}
    assert environment.keys() - {"TMPDIR"} <= variables_of_gateway


def test_the_sources_of_webhooks_are_where_the_gateway_reads_them() -> None:
    """A Secret of their own, which the gateway alone mounts: it can change without a restart."""
    (container,) = (spec := of_kind("Deployment")["gateway"]["spec"]["template"]["spec"])["containers"]
    file = Path(next(one["value"] for one in container["env"] if one["name"] == "GATEWAY_WEBHOOKS"))
    (volume,) = [one["name"] for one in container["volumeMounts"] if one["mountPath"] == str(file.parent)]
    (secret,) = [one["secret"]["secretName"] for one in spec["volumes"] if one["name"] == volume]
    assert (file.name, secret) == ("webhooks.toml", pod_settings.WEBHOOKS)
    pods = {name: one["spec"]["template"]["spec"]["volumes"] for name, one in of_kind("Deployment").items()}
    assert [name for name, volumes in pods.items() if pod_settings.WEBHOOKS in str(volumes)] == ["gateway"]
    assert f"create secret generic {pod_settings.WEBHOOKS} " in (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("service", ["webhook", "upload", "email"])
def test_who_publishes_what_the_gateway_put_into_the_outbox_is_never_scaled_to_zero(service: str) -> None:
    """No autoscaler sees the outbox: nobody would publish what came while the broker was away."""
    assert of_kind("ScaledObject")[service]["spec"]["minReplicaCount"] == 1


def test_each_consumer_of_a_service_scales_it() -> None:
    """Jobs that wait in any of its streams wake it, from zero too."""
    declared = declared_topology(load_catalogue())
    for service, document in of_kind("ScaledObject").items():
        triggers = [(t["metadata"]["stream"], t["metadata"]["consumer"]) for t in document["spec"]["triggers"]]
        assert triggers == [(consumer.stream, consumer.name) for consumer in declared.consumers_of(service)]
    assert of_kind("ScaledObject")["report"]["spec"]["minReplicaCount"] == 0


@pytest.mark.parametrize("service", SERVICES)
def test_a_pod_is_hardened_and_drains(service: str) -> None:
    """No root, nothing to write but its own scratch, and more time to end than it takes to drain."""
    pod = of_kind("Deployment")[service]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["terminationGracePeriodSeconds"] > DRAIN_GRACE_SECONDS + 10
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["args"] == [f"services.{service}"]


def test_a_setting_that_nobody_knows_is_found() -> None:
    """Each line of the settings is a variable of some service, or of `provision`."""
    classes = (ProvisionSettings, EmailSettings, SyncSettings, UploadSettings, FileGatewaySettings)
    known = {variable.name for settings in classes for variable in variables(settings)}
    lines = (FOLDER / "settings.env").read_text(encoding="utf-8").splitlines()
    given = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    assert {name.removesuffix("_FILE") for name in given} <= known
