"""How long changes wait: for a write, for Ready, for the Secret that they carry."""

from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.reasons import Reason
from agentrun_operator.telemetry.lags import Lags

NEVER = float("-inf")
SETTLED: dict[str, Any] = {
    "externalId": "t-1",
    "observedGeneration": 1,
    "conditions": [
        {"type": "Ready", "status": "True", "reason": "Available"},
        {"type": "Synced", "status": "True", "reason": "Available"},
    ],
}
NEW = KubeObject(
    key=ObjectKey("Tool", "team-a", "it"),
    uid="u-1",
    resource_version="1",
    generation=1,
    created_at="",
    deleted_at="",
    finalizers=(),
    annotations={},
    spec={},
    status={},
)
READY = replace(NEW, status=SETTLED)
EDITED = replace(READY, generation=2)
DONE = replace(EDITED, status={**SETTLED, "observedGeneration": 2})
UNSYNCED = replace(READY, status={**SETTLED, "conditions": [{"type": "Synced", "status": "False"}]})
ACCOUNT = replace(READY, key=ObjectKey("Account", "team-a", "default"))


class Scraped:
    """Lags at a time that a test chooses, and what a scrape shows of them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.lags = Lags(self.registry)
        self.lags.monotonic = lambda: self.now
        self.now = 100.0

    def passed(
        self,
        obj: KubeObject,
        *,
        began: float,
        wrote_at: float = NEVER,
        is_failing: bool = False,
        said: Reason | None = None,
    ) -> None:
        self.lags.passed(obj, began=began, wrote_at=wrote_at, is_failing=is_failing, said=said)

    def sums(self, name: str, **labels: str) -> tuple[float | None, float | None]:
        """Return how many there were, and how many seconds they took together."""
        found = [
            self.registry.get_sample_value(f"{name}_{end}", labels) for end in ("count", "sum")
        ]
        return found[0], found[1]

    def sent(self, change: str) -> tuple[float | None, float | None]:
        return self.sums("agentrun_edit_to_cloud_seconds", kind="Tool", change=change)

    def made_ready(self, change: str) -> tuple[float | None, float | None]:
        return self.sums("agentrun_time_to_ready_seconds", kind="Tool", change=change)

    def rotated(self, kind: str = "Tool") -> tuple[float | None, float | None]:
        return self.sums("agentrun_rotation_lag_seconds", kind=kind)

    @property
    def pending(self) -> float | None:
        return self.registry.get_sample_value(
            "agentrun_rotation_pending_seconds", {"namespace": "team-a"}
        )


@pytest.fixture
def scraped() -> Scraped:
    return Scraped()


def test_a_create_is_timed_to_the_write_and_to_ready(scraped: Scraped) -> None:
    scraped.lags.observed(None, NEW)
    going = replace(READY, status={**SETTLED, "conditions": [SETTLED["conditions"][1]]})
    scraped.passed(going, began=101.0, wrote_at=103.0)
    assert scraped.made_ready("create") == (None, None)
    scraped.now = 110.0
    scraped.passed(READY, began=109.0, wrote_at=103.0)
    assert scraped.sent("create") == (1, 3)
    assert scraped.made_ready("create") == (1, 10)


def test_an_edit_is_timed_from_the_first_that_waits(scraped: Scraped) -> None:
    scraped.lags.observed(READY, EDITED)
    scraped.now = 120.0
    scraped.lags.observed(EDITED, replace(EDITED, generation=3))
    scraped.passed(DONE, began=120.0, wrote_at=121.0)
    assert scraped.sent("update") == (1, 21)


def test_a_pass_from_before_an_edit_says_nothing_of_it(scraped: Scraped) -> None:
    scraped.lags.observed(READY, EDITED)
    scraped.passed(DONE, began=99.0, wrote_at=101.0)
    assert scraped.sent("update") == (None, None)
    scraped.passed(DONE, began=102.0, wrote_at=104.0)
    assert scraped.sent("update") == (1, 4)


def test_an_edit_that_needs_no_write_is_not_timed_to_one(scraped: Scraped) -> None:
    scraped.lags.observed(READY, EDITED)
    scraped.passed(DONE, began=101.0)
    scraped.passed(DONE, began=200.0, wrote_at=201.0)
    assert scraped.sent("update") == (None, None)
    assert scraped.made_ready("update") == (1, 0)


def test_a_deletion_is_timed_to_its_delete(scraped: Scraped) -> None:
    going = replace(DONE, deleted_at="2026-01-15T09:00:00Z")
    scraped.lags.observed(READY, going)
    scraped.passed(going, began=100.0, wrote_at=102.0)
    scraped.lags.observed(going, replace(going, resource_version="9"))
    scraped.passed(going, began=103.0, wrote_at=104.0)
    assert scraped.sent("delete") == (1, 2)
    assert scraped.made_ready("update") == (None, None)


def test_a_fleet_that_a_process_finds_settled_counts_nothing(scraped: Scraped) -> None:
    scraped.lags.observed(None, READY)
    scraped.passed(READY, began=101.0)
    assert scraped.made_ready("update") == (None, None)


def test_a_rotation_waits_until_a_write_carries_it(scraped: Scraped) -> None:
    scraped.lags.rotated([READY.key])
    scraped.now = 130.0
    scraped.passed(READY, began=101.0, wrote_at=102.0, is_failing=True)
    assert scraped.pending == 30
    scraped.passed(UNSYNCED, began=130.0)
    assert scraped.pending == 30
    scraped.passed(READY, began=131.0, wrote_at=140.0)
    assert scraped.rotated() == (1, 40)
    assert scraped.pending is None


def test_a_rotation_of_what_is_not_used_ends_without_a_write(scraped: Scraped) -> None:
    scraped.lags.rotated([READY.key])
    scraped.passed(READY, began=101.0)
    assert (scraped.pending, scraped.rotated()) == (None, (None, None))


LEFT_ALONE = pytest.mark.parametrize(
    ("said", "is_failing"),
    [
        (Reason.DRIFT_DETECTED, False),
        (Reason.CONTESTED, False),
        (Reason.UNEXPECTED_ECHO, False),
        (Reason.CANNOT_CLEAR, True),
    ],
)


@LEFT_ALONE
def test_a_difference_left_alone_holds_up_no_rotation(
    scraped: Scraped, said: Reason, *, is_failing: bool
) -> None:
    scraped.lags.rotated([READY.key])
    scraped.passed(UNSYNCED, began=101.0, wrote_at=103.0, is_failing=is_failing, said=said)
    assert (scraped.pending, scraped.rotated()) == (None, (1, 3))


@LEFT_ALONE
def test_a_touched_secret_waits_for_no_write(
    scraped: Scraped, said: Reason, *, is_failing: bool
) -> None:
    scraped.lags.rotated([READY.key])
    scraped.passed(UNSYNCED, began=101.0, is_failing=is_failing, said=said)
    assert (scraped.pending, scraped.rotated()) == (None, (None, None))


@pytest.mark.parametrize(
    ("said", "is_failing"),
    [
        (None, False),
        (Reason.INVALID_PARAMETER, False),
        (Reason.CREATING, False),
        (Reason.PROVIDER_UNAVAILABLE, True),
        (Reason.UNEXPECTED_ECHO, True),
    ],
)
def test_a_write_of_something_else_ends_no_rotation(
    scraped: Scraped, said: Reason | None, *, is_failing: bool
) -> None:
    """A write under way may carry the old value, and the new one may be refused."""
    scraped.lags.rotated([READY.key])
    scraped.passed(UNSYNCED, began=101.0, wrote_at=103.0, is_failing=is_failing, said=said)
    assert scraped.pending == 0


def test_an_account_uses_its_keys_without_a_write(scraped: Scraped) -> None:
    scraped.lags.rotated([ACCOUNT.key])
    scraped.now = 105.0
    scraped.passed(ACCOUNT, began=101.0)
    assert scraped.rotated("Account") == (1, 5)


def test_what_is_paused_does_not_wait(scraped: Scraped) -> None:
    paused = replace(EDITED, status={**SETTLED, "conditions": [{"type": "Paused"}]})
    scraped.lags.observed(READY, EDITED)
    scraped.lags.rotated([EDITED.key])
    scraped.passed(paused, began=101.0)
    assert scraped.pending is None
    scraped.passed(DONE, began=500.0, wrote_at=501.0)
    assert scraped.sent("update") == (None, None)
