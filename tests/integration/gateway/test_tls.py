"""HTTPS by the gateway itself, where no proxy does it."""

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest

from nightshift.embedded.processes.ports import LOOPBACK
from tests.integration.gateway.harness import Gateway, gateway
from tests.integration.services.email.certificates import Certificates, make_certificates


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """For the host name `localhost`."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


async def test_it_serves_https_with_a_certificate(certificates: Certificates, tmp_path: Path) -> None:
    """And a body that it does not read does not hide its answer here either."""
    async with gateway(
        tmp_path,
        gateway_tls_cert_file=str(certificates.certificate),
        gateway_tls_key_file=str(certificates.key),
    ) as door:
        trusting = ssl.create_default_context(cafile=certificates.ca_file)
        url = f"https://localhost:{door.port}"
        transport = httpx.AsyncHTTPTransport(verify=trusting, local_address=LOOPBACK)
        async with httpx.AsyncClient(base_url=url, transport=transport) as client:
            assert (await client.get("/openapi.json")).status_code == 200
            refused = await client.post("/v1/jobs/email.send", content=b"x" * 300_000)
            assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        assert await _plain(door) == b""


async def _plain(door: Gateway) -> bytes:
    """What is answered without TLS."""
    reader, writer = await asyncio.open_connection(LOOPBACK, door.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()
