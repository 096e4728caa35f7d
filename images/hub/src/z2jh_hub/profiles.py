"""Which profiles (an image and its sizes) a person may choose, by their teams on GitHub."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tornado.web import HTTPError

Profile = dict[str, Any]


class NotOfferedError(HTTPError):  # type: ignore[misc, unused-ignore]
    """Somebody asked for what their teams do not let them choose."""

    def __init__(self, sentence: str) -> None:
        super().__init__(403, "%s", sentence)
        # What the pages and the progress of a server show.
        self.jupyterhub_message = sentence


def keys_of(profiles: Iterable[Profile]) -> Iterator[str]:
    """Name what can be given to teams: a profile by its slug, and its choices as slug/option/choice."""
    for profile in profiles:
        slug = profile.get("slug")
        if slug:
            yield slug
            for option, content in profile.get("profile_options", {}).items():
                yield from (f"{slug}/{option}/{choice}" for choice in content.get("choices", {}))


def is_further(choice: tuple[str, Mapping[str, Any]]) -> bool:
    """Say whether a choice comes after the one that is chosen for whoever chooses none."""
    return not choice[1].get("default", False)


class Profiles:
    """A `profile_list` of KubeSpawner that offers each person what their teams may choose.

    KubeSpawner asks for it to make the form and again before each start, so whoever makes up a form or a request to the
    API gets no more than the form offers.
    """

    def __init__(self, profiles: list[Profile], teams: Mapping[str, Iterable[str]]) -> None:
        """Take all profiles, and the teams that may choose some of them; what has no teams is for everybody.

        Raises ValueError if `teams` names what is not there: a misspelt name would leave open what it was to close.
        """
        self._profiles = profiles
        self._teams = {key: frozenset(names) for key, names in teams.items()}
        unknown = sorted(set(self._teams) - set(keys_of(profiles)))
        if unknown:
            raise ValueError(f"custom.profileTeams names {', '.join(unknown)}, which no profile is called.")

    def __call__(self, spawner: Any) -> list[Profile]:
        """Return what the owner of a server may choose.

        Raises NotOfferedError if that is nothing, or before a start if it is not what was asked for.
        """
        groups = {group.name for group in spawner.user.groups}
        offered = [profile for profile in map(copy.deepcopy, self._profiles) if self._reduce(profile, groups)]
        if not offered:
            raise NotOfferedError(
                "None of your teams on GitHub may start a server here. Please ask your operator which team you need."
            )
        if spawner.pending == "spawn":
            require(offered, spawner.user_options or {})
        return offered

    def _reduce(self, profile: Profile, groups: set[str]) -> bool:
        """Take from a profile the choices that are not for these groups; say whether it can be offered."""
        slug = profile.get("slug", "")
        options = profile.get("profile_options", {})
        for option, content in options.items():
            if choices := content.get("choices"):
                content["choices"] = {
                    choice: value
                    for choice, value in choices.items()
                    if self._is_for(f"{slug}/{option}/{choice}", groups)
                }
                if not content["choices"]:
                    return False
                # A chart's values come sorted by name.
                content["choices"] = dict(sorted(content["choices"].items(), key=is_further))
        return self._is_for(slug, groups)

    def _is_for(self, key: str, groups: set[str]) -> bool:
        return key not in self._teams or bool(self._teams[key] & groups)


def require(offered: list[Profile], asked: Mapping[str, Any]) -> None:
    """Raise NotOfferedError unless what somebody asks for is offered; what they leave open has a default."""
    slug = asked.get("profile")
    if not slug:
        return
    profile = next((profile for profile in offered if profile.get("slug") == slug), None)
    if profile is None:
        names = ", ".join(str(profile.get("slug")) for profile in offered)
        raise NotOfferedError(f"This image is not offered to you. You can choose: {names}.")
    for option, content in profile.get("profile_options", {}).items():
        choices = list(content.get("choices", {}))
        unlisted = asked.get(f"{option}--unlisted-choice") and not content.get("unlisted_choice", {}).get("enabled")
        if unlisted or (asked.get(option) and asked[option] not in choices):
            raise NotOfferedError(f"This {option} is not offered to you. You can choose: {', '.join(choices)}.")
