"""What a page of another origin may have a signed-in person's browser ask of the hub.

Browsers say where a request comes from (W3C Fetch Metadata: Sec-Fetch-Site, Sec-Fetch-Dest). Where servers have host
names of their own, every person has an origin that is of the same site as the hub, whose requests carry its cookies.
"""

from __future__ import annotations

from jupyterhub.handlers import pages
from tornado.httputil import HTTPServerRequest
from tornado.web import HTTPError


def is_of_hub(request: HTTPServerRequest) -> bool:
    """Say whether a page of the hub asks, or a person by the address bar, or no browser."""
    site: str = request.headers.get("Sec-Fetch-Site", "none")
    return site in ("same-origin", "none")


def is_page(request: HTTPServerRequest) -> bool:
    """Say whether the answer becomes the page that the person sees and whose address is shown."""
    shown: str = request.headers.get("Sec-Fetch-Dest", "document")
    return shown == "document"


class SpawnHandler(pages.SpawnHandler):  # type: ignore[misc, unused-ignore]
    """The page where people start servers; a link from elsewhere leads to it, but starts nothing.

    A hub that offers no profiles has no such page: there a link starts the server without options, as JupyterHub does.
    """

    async def prepare(self) -> None:
        """Leave out what a link from elsewhere chose; raise HTTPError if a page asks without showing it."""
        await super().prepare()
        if is_of_hub(self.request):
            return
        if not is_page(self.request):
            raise HTTPError(
                403, "Another page asked to start a server for you. If you want to, use the hub's own pages."
            )
        query = self.request.query_arguments
        self.request.query_arguments = {name: value for name, value in query.items() if name == "next"}
