"""Every private member of nats-py that we rely on exists: a release that drops one fails here, under its name."""

import ast
import inspect
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.aio.transport import TcpTransport

from nightshift.broker.patched_client import PatchedClient
from tests.repository import ROOT

OVERRIDDEN = (
    "_close",
    "_connect_to_server",
    "_flusher",
    "_process_connect_init",
    "_process_info",
    "_process_pong",
    "_send_ping",
)
CALLED = (
    "_build_message",
    "_flush_pending",
    "_process_err",
    "_process_ping",
    "_remove_sub",
    "_send_command",
    "_send_unsubscribe",
)
ATTRIBUTES = (
    "_current_server",
    "_flush_queue",
    "_pending",
    "_pending_data_size",
    "_pongs",
    "_ps",
    "_server_info",
    "_status",
    "_subs",
    "_transport",
)
OF_SUBSCRIPTION = ("_future", "_id", "_pending_queue", "_pending_size", "_stop_processing")
OF_TRANSPORT = ("_bare_io_writer", "_io_writer")
_BROKER = ROOT / "shared" / "nightshift" / "broker"
_CHANGED = f"in nats-py {version('nats-py')}: look at what uses it in shared/nightshift/broker"


@pytest.mark.parametrize("name", [*OVERRIDDEN, *CALLED])
def test_a_method_of_the_client_exists(name: str) -> None:
    """What we override or call is there and can be called."""
    assert callable(getattr(Client, name, None)), f"Client.{name} is gone {_CHANGED}"


@pytest.mark.parametrize("name", ATTRIBUTES)
async def test_an_attribute_of_the_client_exists(name: str) -> None:
    """It is there from the start, before a connection is made."""
    assert hasattr(Client(), name), f"Client.{name} is gone {_CHANGED}"


@pytest.mark.parametrize("name", OF_SUBSCRIPTION)
async def test_a_member_of_a_subscription_exists(name: str) -> None:
    """Those that a message is put into, and the id."""
    assert hasattr(Subscription(Client(), 1, "subject"), name), f"Subscription.{name} is gone {_CHANGED}"


@pytest.mark.parametrize("name", OF_TRANSPORT)
def test_a_member_of_the_transport_exists(name: str) -> None:
    """The streams before and after it went over to TLS."""
    assert hasattr(TcpTransport(), name), f"TcpTransport.{name} is gone {_CHANGED}"  # type: ignore[no-untyped-call]  # the library annotates some of it


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_an_override_takes_what_the_library_gives(name: str) -> None:
    """The same parameters with the same defaults, and a coroutine where the library awaits one."""
    ours, theirs = getattr(PatchedClient, name), getattr(Client, name)
    assert _parameters(ours) == _parameters(theirs), f"Client.{name} takes other parameters {_CHANGED}"
    assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(theirs), f"Client.{name} changed {_CHANGED}"


async def test_this_list_is_complete() -> None:
    """Whoever uses one more private member of the library, or gives one of ours the same name, adds it here."""
    owners = (Client(), Subscription(Client(), 1, "subject"), TcpTransport())  # type: ignore[no-untyped-call]  # as above
    library = {name for owner in owners for name in dir(owner)}
    used = {name for file in _BROKER.glob("*.py") for name in _names(ast.parse(file.read_bytes()))}
    private = {name for name in used & library if name.startswith("_") and not name.startswith("__")}
    assert private == {*OVERRIDDEN, *CALLED, *ATTRIBUTES, *OF_SUBSCRIPTION, *OF_TRANSPORT}


def _names(module: ast.Module) -> Iterator[str]:
    """Yield the names of all attributes and methods that a module uses or defines."""
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def _parameters(method: Callable[..., Any]) -> list[tuple[str, Any]]:
    return [(one.name, one.default) for one in inspect.signature(method).parameters.values()]
