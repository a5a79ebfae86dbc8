"""What is generated from the contracts is up to date, complete and consistent."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from nightshift.contract.catalogue import load_catalogue
from nightshift.contract.headers import KINDS
from nightshift.documents.schemas import message_schema
from tools.contracts import generate, operator_channels, samples, topology
from tools.contracts.generate import FOLDER
from tools.contracts.operations import channels, operations

if TYPE_CHECKING:
    from nightshift.contract.message import Message

SCHEMAS = sorted((FOLDER / "schemas").rglob("*.json"))
ASYNCAPI: dict[str, Any] = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text(encoding="utf-8"))


def test_nothing_is_stale() -> None:
    """What is committed is what `make contracts` writes now."""
    assert not generate.stale(), "run `make contracts` and commit what it writes"


def test_a_change_makes_the_files_stale(tmp_path: Any) -> None:
    """A file that was edited, one that is missing and one too many are named."""
    wanted = generate.files()
    for name, text in wanted.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert generate.stale(tmp_path, wanted) == []
    (tmp_path / "topology.json").write_text("{}")
    (tmp_path / "README.md").unlink()
    (tmp_path / "schemas" / "jobs.old.send.json").write_text("{}")
    assert generate.stale(tmp_path, wanted) == ["README.md", "schemas/jobs.old.send.json", "topology.json"]


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_a_schema_is_one_and_says_who_it_is(path: Any) -> None:
    """It fits the metaschema of 2020-12, has an id of its own, a title, a description, and examples that fit it."""
    schema = json.loads(path.read_bytes())
    jsonschema.Draft202012Validator.check_schema(schema)
    kind = "headers." if path.parent.name == "headers" else ""
    assert schema["$id"] == f"urn:nightshift:schema:{kind}{path.stem}"
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"]
    assert schema["description"]
    for example in schema.get("examples", []):
        jsonschema.Draft202012Validator(schema).validate(example)


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_every_field_is_described(path: Any) -> None:
    """Whoever reads the schema needs no source code."""
    schema = json.loads(path.read_bytes())
    parts = [schema, *schema.get("$defs", {}).values()]
    unsaid = [name for part in parts for name, field in part["properties"].items() if not _described(field)]
    assert not [name for name in unsaid if name not in {"Job-Attempt-Base", "Job-Claim"}]


def _described(field: dict[str, Any]) -> bool:
    return "description" in field or any("description" in part for part in field.get("anyOf", []))


def test_the_document_has_every_channel_and_operation() -> None:
    """Every job type has its four subjects, every schedule its three, and every part says what it does with them."""
    assert set(ASYNCAPI["channels"]) == {*channels(), *operator_channels.channels()}
    assert set(ASYNCAPI["operations"]) == {
        *(operation.key for operation in operations()),
        *operator_channels.operations(),
    }
    for job_type in load_catalogue().messages:
        for first in ("jobs", "later", "due", "dead"):
            assert f"{first}.{job_type}" in ASYNCAPI["channels"]
    for service, types in load_catalogue().publishes.items():
        assert all(f"{service}.send.jobs.{job_type}" in ASYNCAPI["operations"] for job_type in types)


def test_every_reference_in_the_document_leads_somewhere() -> None:
    """No `$ref` points to what is not there."""
    for reference in _references(ASYNCAPI):
        found: Any = ASYNCAPI
        for step in reference.removeprefix("#/").split("/"):
            assert step in found, reference
            found = found[step]


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)


def test_every_message_has_headers_and_samples() -> None:
    """On the subjects that people publish to there is something to copy."""
    messages = ASYNCAPI["components"]["messages"]
    known = samples.read()
    for address in channels():
        message = messages[address]
        assert message["headers"]["$ref"].startswith("#/components/schemas/")
        expected = [sample.name for sample in known if sample.valid and sample.subject == address]
        if address.startswith("jobs."):
            assert expected
        if not address.startswith("dead."):
            assert [example["name"] for example in message.get("examples", [])] == expected
    assert {cls.__name__ for cls in KINDS.values()} <= ASYNCAPI["components"]["schemas"].keys()


def test_the_topology_document_is_what_is_provisioned() -> None:
    """Read back, it declares the same streams and consumers as the code that makes them."""
    document = json.loads((FOLDER / "topology.json").read_bytes())
    read, declared = topology.of_document(document), topology.declared()
    assert [stream.config(1) for stream in read.streams] == [stream.config(1) for stream in declared.streams]
    assert [(one.stream, one.config()) for one in read.consumers] == [
        (one.stream, one.config()) for one in declared.consumers
    ]


def test_the_page_names_every_message_field_and_reason() -> None:
    """The one readable page leaves nothing out."""
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    for path in SCHEMAS:
        for field in json.loads(path.read_bytes())["properties"]:
            assert f"| `{field}` |" in page, field
    for name in [*load_catalogue().messages, "cron"]:
        assert f"\n## {name}\n" in page
    links = re.findall(r"\]\((?!#)([^)]+)\)", page)
    assert links
    assert all((FOLDER / link).exists() for link in links)
    anchors = {heading.replace(".", "") for heading in re.findall(r"^#+ (\S+)$", page, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= anchors


def test_unknown_fields_are_ignored_by_readers_and_refused_by_publishers() -> None:
    """Tomorrow's publishers can write to today's workers; ours cannot say what the contract does not know."""
    cls: type[Message] = load_catalogue().messages["maintenance.sessions"]
    assert jsonschema.Draft202012Validator(message_schema(cls, "x", [])).is_valid({"tomorrow": 1})
    with pytest.raises(TypeError, match="tomorrow"):
        cls(tomorrow=1)
