"""What the hub's configuration takes from this package, beside the classes that are named in its values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from traitlets.config import LazyConfigValue

from .profiles import Profiles

TEMPLATES = Path(__file__).parent / "templates"
COOKIES = {"secure": True, "samesite": "Lax"}


def configure(config: Any, get_config: Callable[..., Any]) -> None:
    """Show our pages, below those of the operator, offer profiles by team, and keep cookies to this hub and https.

    The operator's own options of cookies count before ours.
    `get_config` reads the chart's values, as the function of that name in the chart's module z2jh does.
    """
    config.JupyterHub.template_paths.append(str(TEMPLATES))
    settings = config.JupyterHub.tornado_settings
    given = settings.get_value({}) if isinstance(settings, LazyConfigValue) else settings
    settings.update({"cookie_options": COOKIES | given.get("cookie_options", {})})
    config.KubeSpawner.profile_list = Profiles(
        get_config("singleuser.profileList", []), get_config("custom.profileTeams", {})
    )
