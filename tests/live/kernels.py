"""A kernel of somebody's server, reached as JupyterLab does: by a websocket through the proxy."""

from __future__ import annotations

import json
import uuid
from contextlib import ExitStack
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from live.people import Person
from live.platform import Platform

SECONDS = 30


class KernelError(Exception):
    """A cell failed."""


class Kernel:
    """A kernel with what is in its memory, and a connection to it."""

    def __init__(self, platform: Platform, person: Person) -> None:
        self._platform = platform
        self._token = person.token()
        self._api = platform.server(person.name, "api/kernels")
        self._server = platform.http(self._token)
        answer = self._server.post(self._api, json={"name": "python3"})
        answer.raise_for_status()
        self._id = answer.json()["id"]
        self._connections = ExitStack()
        self.connect()

    def connect(self) -> None:
        """Connect to the kernel, anew if need be, as JupyterLab does by itself."""
        opened = connect(
            f"{self._api.replace('https', 'wss', 1)}/{self._id}/channels",
            ssl=self._platform.tls,
            additional_headers={"Authorization": f"token {self._token}"},
            proxy=None,
            max_size=None,
        )
        self._socket = self._connections.enter_context(opened)

    def run(self, code: str) -> str:
        """Run a cell by the connection that there is; return what it printed."""
        number = uuid.uuid4().hex
        header = {"msg_id": number, "msg_type": "execute_request", "session": number, "username": "", "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "channel": "shell", "content": content}
        self._socket.send(json.dumps(message))
        printed, replied, idle = "", False, False
        while not (replied and idle):
            said = self._receive()
            if said["parent_header"].get("msg_id") != number:
                continue
            kind, content = said["msg_type"], said["content"]
            if kind == "stream":
                printed += content["text"]
            elif kind == "error":
                raise KernelError("\n".join(content["traceback"]))
            replied = replied or kind == "execute_reply"
            idle = idle or (kind == "status" and content["execution_state"] == "idle")
        return printed.strip()

    def _receive(self) -> dict[str, Any]:
        received: dict[str, Any] = json.loads(self._socket.recv(timeout=SECONDS))
        return received

    def wait_until_dropped(self) -> None:
        """Wait until the connection ends."""
        try:
            while True:
                self._receive()
        except ConnectionClosed:
            pass

    def end(self) -> None:
        """End the kernel."""
        self._connections.close()
        self._server.delete(f"{self._api}/{self._id}")
        self._server.close()
