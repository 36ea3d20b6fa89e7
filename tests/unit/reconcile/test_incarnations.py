"""Ids that we choose, and ids that only look like them."""

import pytest

from agentrun_operator.reconcile.incarnations import chosen_id, incarnation_of


@pytest.mark.parametrize("number", [0, 1, 7, 12, 999_999_999])
def test_an_incarnation_is_known_by_its_id(number: int) -> None:
    assert incarnation_of("u", chosen_id("u", {"incarnation": number})) == number


@pytest.mark.parametrize(
    "ident",
    [
        "k8s-other-3",
        "k8s-u-",
        "k8s-u-03",
        "k8s-u-3x",
        "k8s-u-\N{ARABIC-INDIC DIGIT THREE}",
        "k8s-u-" + "9" * 20,
        "k8s-u-" + "9" * 5000,
        "u-3",
        "",
    ],
)
def test_an_id_that_we_could_not_have_chosen_is_somebody_else_s(ident: str) -> None:
    assert incarnation_of("u", ident) == 0
