"""What the gateway says about itself: its OpenAPI document, its pages, and that both are true."""

import re
from contextlib import AsyncExitStack
from pathlib import Path

from openapi_spec_validator import validate

from nightshift.gateway.app import operations
from nightshift.gateway.problems import PROBLEMS
from services.gateway.service import GATEWAY
from tests.integration.gateway.harness import Gateway, gateway, unconnected

_PARAMETER = re.compile(r"\{(\w+)(?::path)?\}")


async def test_the_document_is_valid_and_has_what_is_taken(door: Gateway) -> None:
    """The types of the setting, and no others."""
    answer = await door.client.get("/openapi.json")
    document = answer.json()
    validate(document)
    types = {path.split("/")[3] for path in document["paths"] if path.startswith("/v1/jobs/")}
    assert answer.headers["content-type"] == "application/json"
    assert types == {"email.send", "report.generate"}
    assert "SyncExternal" not in document["components"]["schemas"]


async def test_every_operation_is_described_and_every_described_one_is_there(tmp_path: Path, door: Gateway) -> None:
    """With the scope that it really needs."""
    document = (await door.client.get("/openapi.json")).json()
    described = {
        (method.upper(), path): (operation["security"] or [{"key": [None]}])[0]["key"][0]
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    async with AsyncExitStack() as stack:
        context = unconnected(tmp_path, door.settings)
        further = [operation for area in GATEWAY.areas for operation in area(context, stack)]
    there = {
        (operation.method, path.replace("{type}", job_type)): operation.scope and operation.scope.format(type=job_type)
        for operation in operations(context, further)
        for job_type in ("email.send", "report.generate")
        for path in [_PARAMETER.sub(r"{\1}", operation.path)]
    }
    del there["GET", "/docs.css"]
    assert described == there


async def test_the_page_asks_no_other_host_and_runs_nothing(door: Gateway) -> None:
    """A strict policy, and nothing inline that it would forbid."""
    answer = await door.client.get("/docs")
    text = answer.text
    policy = answer.headers["content-security-policy"]
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert policy.startswith("default-src 'none'; style-src 'self'")
    assert re.findall(r'(?:src|href)="(?!#)([^"]*)"', text.partition("<main>")[0]) == ["/docs.css", "/openapi.json"]
    assert not re.search(r"<script|<style|style=|\son\w+=|https?://", text)
    assert (await door.client.get("/docs.css")).headers["content-type"] == "text/css; charset=utf-8"


async def test_the_page_lists_every_operation_and_problem(door: Gateway) -> None:
    """For people who look for what they may send and what they were answered."""
    text = (await door.client.get("/docs")).text
    document = (await door.client.get("/openapi.json")).json()
    for path, item in document["paths"].items():
        for operation in item.values():
            assert f'<section id="{operation["operationId"]}">' in text, path
    for code, problem in PROBLEMS.items():
        assert f'<tr id="problem-{code}">' in text
        assert problem.title in text


async def test_the_type_of_a_problem_is_a_page_about_it(door: Gateway) -> None:
    """As RFC 9457 asks for."""
    answer = await door.client.get("/nowhere")
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["requestId"] == answer.headers["x-request-id"]
    for code in PROBLEMS:
        assert (await door.client.get(f"/problems/{code}")).status_code == 200
    assert PROBLEMS["not-found"].meaning in (await door.client.get(problem["type"])).text
    assert (await door.client.get("/problems/nothing")).status_code == 404


async def test_by_default_no_job_is_taken(tmp_path: Path) -> None:
    """Whoever wants some says which."""
    async with gateway(tmp_path, gateway_jobs="") as closed:
        document = (await closed.client.get("/openapi.json")).json()
        validate(document)
        assert not [path for path in document["paths"] if path.startswith("/v1/jobs/")]
        answer = await closed.client.post("/v1/jobs/email.send", json={}, headers=await closed.key("jobs:write"))
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown-job-type")


async def test_another_method_is_told_which_there_are(door: Gateway) -> None:
    """405 with all of them; HEAD is a GET without a body."""
    answer = await door.client.put("/v1/jobs/email.send/x")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET, HEAD")
    head = await door.client.head("/docs")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 1000
