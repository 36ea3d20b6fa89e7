"""What kstatus (Flux, Helm) and Argo CD make of every situation that an object can be in."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agentrun_operator.core.conditions import Verdict, merge_conditions
from agentrun_operator.core.reasons import Reason
from agentrun_operator.kinds import catalogue
from argocd import customizations
from fakes.argo_health import HealthScript
from fakes.kstatus import CURRENT, FAILED, IN_PROGRESS, TERMINATING, kstatus

SCRIPT = HealthScript(customizations.SCRIPT.read_text(), with_all_libraries=False)
GENERATION = 3
NOW = datetime(2026, 1, 15, 8, 0, 0, tzinfo=UTC)
MESSAGE = "what happened"


def object_with(verdict: Verdict, *, observed: int = GENERATION) -> dict[str, Any]:
    """Return an object with the status that the operator writes for a verdict."""
    conditions = merge_conditions([], verdict.conditions(), generation=observed, now=NOW)
    return {
        "metadata": {"generation": GENERATION},
        "status": {"observedGeneration": observed, "conditions": conditions},
    }


def waiting(reason: Reason, *, synced: bool = True) -> Verdict:
    return Verdict("False", reason, MESSAGE, synced=synced, reconciling=True)


def stalled(reason: Reason) -> Verdict:
    return Verdict("False", reason, MESSAGE, synced=False, stalled=True)


AVAILABLE = Verdict("True", Reason.AVAILABLE, MESSAGE)
PAUSED = Verdict("True", Reason.AVAILABLE, MESSAGE, paused=True)
PAUSED_BROKEN = Verdict("False", Reason.UPDATING, MESSAGE, reconciling=True, paused=True)

ROWS = [
    *(
        pytest.param(object_with(waiting(reason)), IN_PROGRESS, "Progressing", id=reason.value)
        for reason in (
            Reason.CREATING,
            Reason.UPDATING,
            Reason.DEPENDENCY_NOT_READY,
            Reason.REFERENCE_NOT_FOUND,
            Reason.CREDENTIALS_NOT_FOUND,
        )
    ),
    *(
        pytest.param(
            object_with(waiting(reason, synced=False)), IN_PROGRESS, "Progressing", id=reason.value
        )
        for reason in (Reason.THROTTLED, Reason.PROVIDER_UNAVAILABLE)
    ),
    *(
        pytest.param(
            object_with(Verdict("Unknown", reason, MESSAGE, reconciling=True)),
            IN_PROGRESS,
            "Progressing",
            id=f"not seen for long: {reason}",
        )
        for reason in (
            Reason.PROVIDER_UNAVAILABLE,
            Reason.THROTTLED,
            Reason.CREDENTIALS_INVALID,
            Reason.ACCOUNT_MISMATCH,
        )
    ),
    *(
        pytest.param(object_with(stalled(reason)), FAILED, "Degraded", id=reason.value)
        for reason in (
            Reason.INVALID_PARAMETER,
            Reason.QUOTA_EXCEEDED,
            Reason.PROVIDER_FAILED,
            Reason.ACCESS_DENIED,
            Reason.DRIFT_DETECTED,
            Reason.CONTESTED,
            Reason.TIMEOUT,
        )
    ),
    pytest.param(object_with(AVAILABLE), CURRENT, "Healthy", id="Available"),
    pytest.param(
        object_with(Verdict("True", Reason.COMPLETED, MESSAGE)), CURRENT, "Healthy", id="Completed"
    ),
    pytest.param(
        object_with(AVAILABLE, observed=GENERATION - 1),
        IN_PROGRESS,
        "Progressing",
        id="edited since it was available",
    ),
    pytest.param(
        object_with(stalled(Reason.TIMEOUT), observed=GENERATION - 1),
        IN_PROGRESS,
        "Progressing",
        id="edited since it stalled",
    ),
    pytest.param(object_with(PAUSED), CURRENT, "Suspended", id="paused"),
    pytest.param(
        object_with(PAUSED, observed=GENERATION - 1), IN_PROGRESS, "Suspended", id="paused, edited"
    ),
    pytest.param(object_with(PAUSED_BROKEN), IN_PROGRESS, "Suspended", id="paused, not ready"),
]


@pytest.mark.parametrize(("body", "kstatus_says", "argo_says"), ROWS)
def test_situations(body: Mapping[str, Any], kstatus_says: str, argo_says: str) -> None:
    assert (kstatus(body), SCRIPT.health(body)["status"]) == (kstatus_says, argo_says)


@pytest.mark.parametrize("kind", sorted(catalogue()))
def test_an_object_nobody_has_looked_at_is_not_done(kind: str) -> None:
    """The status that the CRD itself presets, as the API server shows it."""
    plural = catalogue()[kind].plural
    text = (customizations.REPOSITORY / "crds" / f"{plural}.yaml").read_text()
    crd = yaml.load(text, yaml.CSafeLoader)
    (version,) = crd["spec"]["versions"]
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    assert status["default"] == {}  # without it, those of its fields would never apply
    preset = {
        name: schema["default"]
        for name, schema in status["properties"].items()
        if "default" in schema
    }
    body = {"metadata": {"generation": 1}, "status": preset}
    assert kstatus(body) == IN_PROGRESS
    assert SCRIPT.health(body)["status"] == "Progressing"


def test_an_object_without_status_is_not_done() -> None:
    assert SCRIPT.health({"metadata": {"generation": 1}})["status"] == "Progressing"


def test_a_deletion_is_told_by_its_timestamp() -> None:
    body = object_with(Verdict("False", Reason.DELETING, MESSAGE))
    body["metadata"]["deletionTimestamp"] = "2026-01-15T08:00:00Z"
    assert kstatus(body) == TERMINATING


verdicts = st.builds(
    Verdict,
    ready=st.sampled_from(("True", "False", "Unknown")),
    reason=st.sampled_from(Reason),
    message=st.just(MESSAGE),
    synced=st.booleans(),
    reconciling=st.booleans(),
    paused=st.booleans(),
) | st.sampled_from([stalled(reason) for reason in Reason])


@given(verdicts, st.integers(GENERATION - 1, GENERATION))
def test_readers_never_disagree(verdict: Verdict, observed: int) -> None:
    body = object_with(verdict, observed=observed)
    health = SCRIPT.health(body)
    assert health["message"]
    if verdict.paused:
        assert health["status"] == "Suspended"
        return
    agreed = {"Healthy": CURRENT, "Progressing": IN_PROGRESS, "Degraded": FAILED}
    assert agreed[health["status"]] == kstatus(body)
    if health["status"] == "Healthy":
        assert (verdict.ready, observed) == ("True", GENERATION)
