"""Keep a notebook from hanging when Python throws away an old connection to Dask Gateway; every Dask client loads this.

A GatewayCluster has a Gateway of its own. When the garbage collector meets either of them on the thread of the event
loop, it asks that loop to close a session and waits for the answer on the very thread that would give it: for ever
(dask-gateway 2026.3.0). On that thread nobody can wait, so here nobody does.
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from functools import wraps
from typing import Any

from dask_gateway import Gateway


def original(method: Any) -> Any:
    """Return a method below its repair, as distributed may load this file more than once."""
    return getattr(method, "__wrapped__", method)


_sync, _close = original(Gateway.sync), original(Gateway.close)
_unfinished: defaultdict[int, set[asyncio.Task[Any]]] = defaultdict(set)


def own_loop(gateway: Any) -> asyncio.AbstractEventLoop | None:
    """Return the loop of a gateway if this is its thread."""
    try:
        here = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return here if not gateway.asynchronous and here is gateway.loop.asyncio_loop else None


@wraps(_sync)
def sync(self: Any, func: Any, *args: Any, **kwargs: Any) -> Any:
    """Run a coroutine on the loop, and wait for it where that is possible."""
    loop = own_loop(self)
    if loop is None:
        return _sync(self, func, *args, **kwargs)
    tasks, task = _unfinished[id(self)], loop.create_task(func(*args, **kwargs))
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return None


@wraps(_close)
def close(self: Any) -> Any:
    """Close the session, and end the loop if nobody else uses it."""
    if own_loop(self) is None:
        # Closing what was closed would only print an error.
        return _close(self) if self.asynchronous or self._loop_runner.is_started() else None

    async def finish(earlier: set[asyncio.Task[Any]]) -> None:
        await asyncio.gather(*earlier, return_exceptions=True)
        await self._cleanup()
        # It waits for the loop's thread to end.
        threading.Thread(target=self._loop_runner.stop, daemon=True).start()

    return self.sync(finish, _unfinished.pop(id(self), set()))


Gateway.sync, Gateway.close = sync, close
