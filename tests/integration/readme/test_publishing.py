"""What the README says about publishing, done as it stands there."""

import asyncio
import re
import sys
from asyncio.subprocess import PIPE, STDOUT

from nightshift.broker import connect
from nightshift.broker.jetstream import manage
from nightshift.config.settings import ProcessSettings
from nightshift.embedded.stack import Stack
from tests.repository import ROOT


def test_the_example_is_the_file_in_examples() -> None:
    """The page shows `examples/publish.py`, without its docstring."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = (ROOT / "examples" / "publish.py").read_text(encoding="utf-8").partition('"""\n\n')[2]
    assert f"## Publishing from Python\n\n```python\n{code}```\n" in text


async def test_the_publishing_example_runs_as_it_stands(stack: Stack) -> None:
    """Copied from the page, with the address of the stack at hand: three jobs are there, the cancelled one is not."""
    await stack.provision()
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Publishing from Python")[2]
    (code,) = re.findall(r"```python\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    code = code.replace("nats://127.0.0.1:4222", stack.broker.url)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=ROOT, stdout=PIPE, stderr=STDOUT)
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    connection = await connect(ProcessSettings(nats_url=stack.broker.url), name="test")
    try:
        counts = {
            name: (await manage(connection, f"STREAM.INFO.{name}"))["state"]["messages"]
            for name in ("EMAIL", "EMAIL_LATER")
        }
    finally:
        await connection.close()
    assert counts == {"EMAIL": 3, "EMAIL_LATER": 0}
