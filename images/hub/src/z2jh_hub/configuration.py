"""What the hub's configuration takes from this package, beside the classes that are named in its values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from traitlets.config import LazyConfigValue

from .profiles import Profiles
from .spawner import endings_of

TEMPLATES = Path(__file__).parent / "templates"
COOKIES = {"secure": True, "samesite": "Lax"}
# A year, as RFC 6797 has it in its examples.
HSTS = "max-age=31536000"


def configure(config: Any, get_config: Callable[..., Any]) -> None:
    """Show our pages, below those of the operator, offer profiles by team, and keep cookies to this hub and https.

    A hub at https's own port tells browsers to ask for it by https alone; at another one that would also turn its http
    port, which leads there, into https. The operator's own options of cookies and headers count before ours.
    `get_config` reads the chart's values, as the function of that name in the chart's module z2jh does.
    """
    config.JupyterHub.template_paths.append(str(TEMPLATES))
    config.JupyterHub.template_vars.update({"endings": endings_of})
    settings = config.JupyterHub.tornado_settings
    given = settings.get_value({}) if isinstance(settings, LazyConfigValue) else settings
    settings.update({"cookie_options": COOKIES | given.get("cookie_options", {})})
    url = urlsplit(config.JupyterHub.get("public_url", ""))
    if url.scheme == "https" and url.port in (None, 443):
        # People's servers, where they have names below this one, are behind the same ports.
        hsts = f"{HSTS}; includeSubDomains" if config.JupyterHub.get("subdomain_host") else HSTS
        settings.update({"headers": {"Strict-Transport-Security": hsts} | given.get("headers", {})})
    config.KubeSpawner.profile_list = Profiles(
        get_config("singleuser.profileList", []), get_config("custom.profileTeams", {})
    )
