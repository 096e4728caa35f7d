"""What an operator's values of a chart may not be is said in a sentence, by the chart's own schema."""

from __future__ import annotations

from typing import Any

import pytest
from loading import CHECKOUT, load

values = load("plugins/filter/values.py")


def findings(given: Any, chart: str = "jupyterhub") -> list[str]:
    """Ask the filter as the preflight does."""
    found: list[str] = values.values_findings(
        given, f"{chart.replace('-', '_')}_values", str(CHECKOUT / "charts" / chart)
    )
    return found


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"cull": {"timeout": 7200}},
        {"singleuser": {"extraEnv": {"PIP_INDEX_URL": "https://pypi.example.org/simple"}}},
        {"singleuser": {"cpu": {"limit": None}}},
        {"custom": {"anything": 1}},
        {"hub": {"config": {"KubeSpawner": {"start_timeout": 60}}}},
    ],
)
def test_values_that_the_chart_takes_pass(given: Any) -> None:
    assert findings(given) == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "jupyterhub_values must map names of the chart's values to values."),
        (
            {"singleusr": {"cpu": {"limit": 1}}},
            "jupyterhub_values sets singleusr, which the chart jupyterhub does not know: did you mean singleuser?",
        ),
        (
            {"singleuser": {"memry": {"limit": "2G"}}},
            "jupyterhub_values sets singleuser.memry, which the chart jupyterhub does not know: did you mean "
            "singleuser.memory?",
        ),
        (
            {"cull": {"timeout": "an hour"}},
            "jupyterhub_values sets cull.timeout to what the chart jupyterhub does not take (type integer).",
        ),
    ],
)
def test_values_that_it_does_not_take_are_refused(given: Any, sentence: str) -> None:
    assert findings(given) == [sentence]


def test_the_gateways_values_are_looked_at_too() -> None:
    (sentence,) = findings({"gatway": {"loglevel": "DEBUG"}}, "dask-gateway")
    assert sentence == (
        "dask_gateway_values sets gatway, which the chart dask-gateway does not know: did you mean gateway?"
    )


def test_a_value_that_may_be_a_secret_is_not_said() -> None:
    (sentence,) = findings({"cull": {"timeout": "c0ffee"}})
    assert "cull.timeout" in sentence
    assert "c0ffee" not in sentence
