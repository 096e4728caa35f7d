"""Profiles by team: what KubeSpawner offers, and what it refuses however it is asked."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from kubespawner import spawner as kubespawner

from z2jh_hub.profiles import NotOfferedError, Profiles

PROFILES: list[dict[str, Any]] = [
    {"slug": "minimal", "display_name": "Minimal", "default": True},
    {
        "slug": "astronomy",
        "display_name": "Astronomy",
        "kubespawner_override": {"image": "astronomy:1"},
        "profile_options": {
            "size": {
                "display_name": "Size",
                "choices": {
                    "standard": {"display_name": "Standard", "kubespawner_override": {"mem_limit": "2G"}},
                    "large": {"display_name": "Large", "kubespawner_override": {"mem_limit": "8G"}},
                },
            }
        },
    },
]
TEAMS = {"astronomy": ["stars:astronomers", "stars:staff"], "astronomy/size/large": ["stars:staff"]}


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubespawner, "load_config", lambda *_, **__: None)
    monkeypatch.setattr(kubespawner, "shared_client", lambda *_, **__: None)


def spawner_of(*teams: str, asked: Any = None, by_team: Any = TEAMS) -> Any:
    groups = [SimpleNamespace(name=team) for team in teams]
    user = SimpleNamespace(name="edwin", id=1, escaped_name="edwin", url="/user/edwin/", groups=groups)
    spawner = kubespawner.KubeSpawner(_mock=True, user=user, image="minimal:1", mem_limit="1G")
    spawner.profile_list = Profiles(PROFILES, by_team)
    spawner.user_options = {} if asked is None else asked
    spawner._spawn_pending = True
    return spawner


def start(spawner: Any) -> tuple[str, int]:
    """Choose as at a start; return image and memory in GiB."""
    asyncio.run(spawner.load_user_options())
    return spawner.image, spawner.mem_limit // 2**30


def form(spawner: Any) -> str:
    spawner._spawn_pending = False
    return str(asyncio.run(spawner.get_options_form()))


def test_by_default_everybody_may_choose_everything() -> None:
    page = form(spawner_of(by_team={}))
    assert "Minimal" in page
    assert "Large" in page
    assert start(spawner_of(asked={"profile": "astronomy", "size": "large"}, by_team={})) == ("astronomy:1", 8)


@pytest.mark.parametrize(
    ("teams", "seen", "unseen"),
    [
        ([], ["Minimal"], ["Astronomy", "Large"]),
        (["other:astronomers"], ["Minimal"], ["Astronomy"]),
        (["stars:astronomers"], ["Minimal", "Astronomy", "Standard"], ["Large"]),
        (["stars:staff"], ["Minimal", "Astronomy", "Standard", "Large"], []),
    ],
)
def test_the_form_offers_what_teams_may_choose(teams: list[str], seen: list[str], unseen: list[str]) -> None:
    page = form(spawner_of(*teams))
    assert [name for name in seen if name not in page] == []
    assert [name for name in unseen if name in page] == []


@pytest.mark.parametrize(
    ("teams", "asked", "got"),
    [
        ([], {}, ("minimal:1", 1)),
        ([], {"profile": "minimal"}, ("minimal:1", 1)),
        ([], {"profile": "minimal", "size": "large", "image": "evil:1", "mem_limit": "64G"}, ("minimal:1", 1)),
        (["stars:astronomers"], {"profile": "astronomy"}, ("astronomy:1", 2)),
        (["stars:staff"], {"profile": "astronomy", "size": "large"}, ("astronomy:1", 8)),
    ],
)
def test_what_is_offered_can_be_had(teams: list[str], asked: dict[str, Any], got: tuple[str, int]) -> None:
    assert start(spawner_of(*teams, asked=asked)) == got


@pytest.mark.parametrize(
    ("teams", "asked", "says"),
    [
        ([], {"profile": "astronomy"}, "This image is not offered to you. You can choose: minimal."),
        ([], {"profile": ["astronomy"]}, "This image is not offered"),
        ([], {"profile": {"slug": "astronomy"}}, "This image is not offered"),
        ([], {"profile": "no-such"}, "This image is not offered"),
        (["stars:astronomers"], {"profile": "astronomy", "size": "large"}, "You can choose: standard."),
        (["stars:astronomers"], {"profile": "astronomy", "size": ["large"]}, "This size is not offered"),
        (["stars:staff"], {"profile": "astronomy", "size--unlisted-choice": "huge"}, "This size is not offered"),
    ],
)
def test_what_is_not_offered_cannot_be_had(teams: list[str], asked: dict[str, Any], says: str) -> None:
    spawner = spawner_of(*teams, asked=asked)
    with pytest.raises(NotOfferedError, match=says) as caught:
        start(spawner)
    assert caught.value.status_code == 403
    assert (spawner.image, spawner.mem_limit) == ("minimal:1", 2**30)


def test_a_made_up_form_gets_no_more() -> None:
    spawner = spawner_of("stars:astronomers")
    data = {"profile": ["astronomy"], "profile-option-astronomy--size": ["large"]}
    spawner.user_options = spawner.options_from_form(data)
    with pytest.raises(NotOfferedError):
        start(spawner)
    data["profile-option-astronomy--size"] = ["standard"]
    spawner.user_options = spawner.options_from_form(data)
    assert start(spawner) == ("astronomy:1", 2)


def test_a_choice_of_before_does_not_keep_the_form_from_being_shown() -> None:
    assert "Minimal" in form(spawner_of(asked={"profile": "astronomy"}))


def test_whoever_may_choose_nothing_gets_nothing() -> None:
    closed = {"minimal": ["stars:staff"], "astronomy/size/standard": ["stars:staff"], "astronomy/size/large": []}
    for asked in ({}, {"profile": "minimal"}):
        with pytest.raises(NotOfferedError, match="ask your operator"):
            start(spawner_of(asked=asked, by_team=closed))
    with pytest.raises(NotOfferedError, match="ask your operator"):
        form(spawner_of(by_team=closed))
    assert start(spawner_of("stars:staff", by_team=closed)) == ("minimal:1", 1)


def test_another_profile_is_the_default_where_the_first_is_not_offered() -> None:
    assert start(spawner_of(by_team={"minimal": ["stars:staff"]})) == ("astronomy:1", 2)


@pytest.mark.parametrize("key", ["astronmy", "astronomy/large", "astronomy/size/huge", ""])
def test_a_misspelt_name_closes_nothing_so_it_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="which no profile is called"):
        Profiles(PROFILES, {key: ["stars:staff"]})
