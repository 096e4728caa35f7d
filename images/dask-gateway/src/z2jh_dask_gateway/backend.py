"""The gateway's Kubernetes backend with limits for each user.

Works with either chart: `c.DaskGateway.backend_class = "z2jh_dask_gateway.backend.PlatformBackend"`.
"""

# The gateway's server and traitlets have no types.
# mypy: disable-error-code="import-not-found, import-untyped, misc"

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import Any

from dask_gateway_server.backends.base import PublicException
from dask_gateway_server.backends.kubernetes import KubeBackend
from dask_gateway_server.options import Float, Integer, Options, Select
from traitlets import Float as FloatTrait
from traitlets import Integer as IntegerTrait
from traitlets import List, Unicode

GIB = 2**30
USER_LABEL = "hub.jupyter.org/username"
# The scheduler's own limit, in case the gateway is away when it reports that it is idle: it does so once only.
IDLE_BACKSTOP_SECONDS = 600


def label_of(name: str) -> str:
    """Return a label's value that stands for a user's name alone: the name itself wherever that is one."""
    if re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?", name) and "--" not in name:
        return name
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:30].rstrip("-")
    return f"{stem or 'x'}---{hashlib.sha256(name.encode()).hexdigest()[:8]}"


class PlatformBackend(KubeBackend):
    """Offers our images and sizes only, and so many clusters a user."""

    images = List(Unicode(), minlen=1, config=True, help="Images that a cluster may run; the first is the default.")
    worker_cores_max = IntegerTrait(2, min=1, config=True, help="The most cores of a worker.")
    worker_memory_max = FloatTrait(4, min=0.5, config=True, help="The most memory of a worker, in GiB.")
    max_clusters_per_user = IntegerTrait(2, min=1, config=True, help="How many clusters a user may have at a time.")

    def __init__(self, **kwargs: Any) -> None:
        """Make the backend."""
        super().__init__(**kwargs)
        self._starting = asyncio.Lock()

    async def get_cluster_options(self, user: Any) -> Options:
        """Return what a user may choose."""
        return Options(
            Select("image", list(self.images), label="Image"),
            Integer("worker_cores", default=1, min=1, max=self.worker_cores_max, label="Cores of a worker"),
            Float("worker_memory", default=1, min=0.5, max=self.worker_memory_max, label="Memory of a worker (GiB)"),
            handler=self.cluster_settings,
        )

    def cluster_settings(self, options: Any, user: Any) -> dict[str, Any]:
        """Return the settings of a user's cluster; the rest is as configured."""
        base = self.cluster_config_class(parent=self)
        memory = int(options.worker_memory * GIB)
        labels = {USER_LABEL: label_of(user.name)}
        settings = {
            "image": options.image,
            "worker_cores": base.worker_cores * options.worker_cores,
            "worker_cores_limit": float(options.worker_cores),
            "worker_threads": options.worker_cores,
            "worker_memory": memory,
            "worker_memory_limit": memory,
            "worker_extra_pod_labels": {**base.worker_extra_pod_labels, **labels},
            "scheduler_extra_pod_labels": {**base.scheduler_extra_pod_labels, **labels},
        }
        if base.idle_timeout:
            backstop = {
                "DASK_DISTRIBUTED__SCHEDULER__IDLE_TIMEOUT": f"{base.idle_timeout + IDLE_BACKSTOP_SECONDS:.0f}s"
            }
            settings["environment"] = {**base.environment, **backstop}
        return settings

    async def start_cluster(self, user: Any, cluster_options: Any) -> Any:
        """Start a cluster unless the user has as many as anyone may have."""
        # One at a time, or requests made at once would not see each other's clusters.
        async with self._starting:
            count = await self._clusters_of(user.name)
            if count >= self.max_clusters_per_user:
                raise PublicException(
                    f"You have {count} Dask clusters and may have {self.max_clusters_per_user}. "
                    "Shut one down first: Gateway().list_clusters() shows them, Gateway().stop_cluster(name) ends one."
                )
            return await super().start_cluster(user, cluster_options)

    async def _clusters_of(self, name: str) -> int:
        # Asked of Kubernetes: what this process remembers runs a little behind.
        namespace = self.cluster_config_class(parent=self).namespace
        found = await self.custom_client.list_namespaced_custom_object(
            "gateway.dask.org", self.crd_version, namespace, "daskclusters", label_selector=self.label_selector
        )
        return sum(
            item["spec"].get("username") == name
            and item["spec"].get("active", True)
            and item.get("status", {}).get("phase", "Pending") not in ("Stopped", "Failed")
            for item in found["items"]
        )
