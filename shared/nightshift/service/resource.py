"""What a service's handlers are given by name: opened when the process starts, closed when it ends."""

import contextlib
import inspect
from collections.abc import Iterable
from typing import Any

from nightshift.service.signature import DeclaredFunction


async def open_resources(
    resources: Iterable[DeclaredFunction], given: dict[str, Any], stack: contextlib.AsyncExitStack
) -> dict[str, Any]:
    """Open them in their order, each with what it asks for, and return all that handlers can be given.

    The function of a resource returns it, or yields it once: what follows the `yield` closes it, on the `stack`. It
    may be async.
    """
    given = dict(given)
    for resource in resources:
        given[resource.name] = await _open(resource, resource.arguments(given), stack)
    return given


async def _open(resource: DeclaredFunction, arguments: dict[str, Any], stack: contextlib.AsyncExitStack) -> Any:
    function = inspect.unwrap(resource.function)
    if inspect.isasyncgenfunction(function):
        return await stack.enter_async_context(contextlib.asynccontextmanager(function)(**arguments))
    if inspect.isgeneratorfunction(function):
        return stack.enter_context(contextlib.contextmanager(function)(**arguments))
    made = resource.function(**arguments)
    return await made if inspect.isawaitable(made) else made
