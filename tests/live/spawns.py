"""Start servers through the API of hubs, and say what took how long."""

from __future__ import annotations

import json
from dataclasses import dataclass

from live.cluster import Pod

# What happens in a spawn, in its order, as seen by one clock. Of a pod it is what the API server tells those who watch.
STEPS = ("accepted", "scheduled", "running", "answered", "ready")

# Run in a hub's pod, which has all that it needs. It asks for servers, watches their pods, and asks each server for a
# first answer; the hub says by its progress when it is ready.
SPAWNS = """
import asyncio, json, sys, time
from kubernetes_asyncio import client, config, watch
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

work = json.loads(sys.argv[1])
now = time.monotonic
under_way, done = {}, []
AsyncHTTPClient.configure("tornado.simple_httpclient.SimpleAsyncHTTPClient", max_clients=100)

async def call(hub, method, path, **options):
    return await AsyncHTTPClient().fetch(
        work["hubs"][hub] + path, method=method, headers={"Authorization": f"token {work['token']}"},
        allow_nonstandard_methods=True, connect_timeout=60, request_timeout=300, **options)

async def first_answer(spawn, user, address):
    while True:
        try:
            answer = await AsyncHTTPClient().fetch(f"http://{address}:8888/user/{user}/api", raise_error=False)
            if answer.code < 500:
                break
        except (OSError, HTTPClientError):
            pass
        await asyncio.sleep(0.01)
    spawn["answered"] = now()

async def follow():
    api = client.CoreV1Api()
    asking = set()
    while True:
        async with watch.Watch().stream(
            api.list_namespaced_pod, work["namespace"], label_selector="component=singleuser-server"
        ) as changes:
            async for change in changes:
                pod = change["raw_object"]
                user = pod["metadata"].get("annotations", {}).get("hub.jupyter.org/username")
                spawn = under_way.get(user)
                if not spawn or change["type"] == "DELETED" or "deletionTimestamp" in pod["metadata"]:
                    continue
                if pod["spec"].get("nodeName"):
                    spawn.setdefault("scheduled", now())
                states = pod["status"].get("containerStatuses") or []
                if states and all("running" in state["state"] for state in states) and "running" not in spawn:
                    spawn["running"] = now()
                    task = asyncio.ensure_future(first_answer(spawn, user, pod["status"]["podIP"]))
                    asking.add(task)
                    task.add_done_callback(asking.discard)

async def start(hub, user):
    spawn = under_way[user] = {"hub": hub, "asked": now()}
    await call(hub, "POST", f"/users/{user}/server", body=json.dumps(work["options"]))
    spawn["accepted"] = now()
    said = []
    def take(chunk):
        if '"ready": true' in chunk.decode():
            spawn["ready"] = now()
        said.append(chunk.decode())
    await call(hub, "GET", f"/users/{user}/server/progress", streaming_callback=take)
    if "ready" not in spawn:
        sys.exit(f"{hub} did not start a server: {''.join(said)[-1000:]}")
    while "answered" not in spawn:
        await asyncio.sleep(0.01)
    done.append(under_way.pop(user))

async def stop(hub, user):
    await call(hub, "DELETE", f"/users/{user}/server")
    while json.loads((await call(hub, "GET", f"/users/{user}")).body)["servers"]:
        await asyncio.sleep(0.1)

async def main():
    config.load_incluster_config()
    async with asyncio.TaskGroup() as group:
        following = group.create_task(follow())
        for _ in range(work["rounds"]):
            for hub, users in work["users"].items():
                await asyncio.gather(*(start(hub, user) for user in users))
                await asyncio.gather(*(stop(hub, user) for user in users))
        following.cancel()
    print(json.dumps(done))

asyncio.run(main())
"""


@dataclass(frozen=True)
class Spawn:
    """One start of a server: seconds from the request until each step."""

    hub: str
    seconds: dict[str, float]

    @property
    def total(self) -> float:
        """Seconds until the hub said that the server is ready."""
        return self.seconds["ready"]


def spawns(
    pod: Pod,
    namespace: str,
    hubs: dict[str, str],
    token: str,
    users: dict[str, list[str]],
    *,
    rounds: int = 1,
    options: dict[str, str] | None = None,
) -> list[Spawn]:
    """Start and stop servers: in each round, hub by hub, all its users at once."""
    work = {
        "hubs": hubs,
        "namespace": namespace,
        "token": token,
        "users": users,
        "rounds": rounds,
        "options": options or {},
    }
    printed = pod.python(SPAWNS, json.dumps(work), seconds=rounds * len(hubs) * 300)
    found = json.loads(printed.splitlines()[-1])
    return [Spawn(spawn["hub"], {step: spawn[step] - spawn["asked"] for step in STEPS}) for spawn in found]
