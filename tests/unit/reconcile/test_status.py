"""The status stanza: what is written, what is left out, and that nothing is written twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agentrun_operator.core.drift import Drift
from agentrun_operator.core.gate import CloudText, Redactor, unsealed
from agentrun_operator.core.objects import KubeObject, timestamp
from agentrun_operator.core.reasons import Reason
from agentrun_operator.kinds import catalogue
from agentrun_operator.reconcile import outcome
from agentrun_operator.reconcile.status import (
    at_provider,
    compose,
    creation_mark,
    drift_entries,
    reason_of,
)

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
KINDS = catalogue()
NOBODY = Redactor(frozenset(), is_complete=True)
"""Knows that nothing is to be hidden."""


def obj(
    status: dict[str, Any] | None = None, *, generation: int = 3, token: str | None = None
) -> KubeObject:
    metadata: dict[str, Any] = {"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "1"}
    metadata["generation"] = generation
    if token:
        metadata["annotations"] = {"agentrun.dev/reconcile-requested-at": token}
    return KubeObject.of({"metadata": metadata, "status": status or {}}, "ModelProxy")


def test_the_same_again_is_the_same_document() -> None:
    first = compose(obj(), outcome.available(), {"externalId": "x"}, now=NOW)
    again = compose(obj(first), outcome.available(), {}, now=LATER)
    assert again == first


def test_the_generation_is_stamped_everywhere() -> None:
    written = compose(obj(), outcome.available(), {}, now=NOW)
    assert written["observedGeneration"] == 3
    assert {c["observedGeneration"] for c in written["conditions"]} == {3}


def test_a_pause_does_not_advance_the_generation() -> None:
    before = compose(obj(generation=2), outcome.available(), {}, now=NOW)
    paused = obj(before, generation=3, token="t")
    written = compose(paused, outcome.paused(paused), {}, now=LATER)
    assert written["observedGeneration"] == 2
    assert "lastRequest" not in written


def test_a_transition_time_moves_only_with_its_status() -> None:
    ready = compose(obj(), outcome.available(), {}, now=NOW)
    busy = outcome.in_cloud(Reason.UPDATING, "UPDATING")
    changed = compose(obj(ready), busy, {}, now=LATER)
    times = {c["type"]: c["lastTransitionTime"] for c in changed["conditions"]}
    assert times == {
        "Ready": timestamp(LATER),
        "Synced": timestamp(NOW),
        "Reconciling": timestamp(LATER),
    }


@pytest.mark.parametrize("empty", [None, "", [], {}])
def test_an_empty_change_removes_the_field(empty: object) -> None:
    before = {"drift": [{"path": "x"}], "externalId": "x"}
    written = compose(obj(before), outcome.available(), {"drift": empty}, now=NOW)
    assert "drift" not in written
    assert written["externalId"] == "x"


def test_false_is_a_value() -> None:
    changes = {"adopted": False, "incarnation": 0}
    written = compose(obj(), outcome.available(), changes, now=NOW)
    assert written["adopted"] is False
    assert written["incarnation"] == 0


def test_the_token_is_echoed() -> None:
    written = compose(obj(token="now"), outcome.available(), {}, now=NOW)
    assert written["lastRequest"] == "now"


def test_drift_keeps_since_when() -> None:
    found = [Drift("a", "a", "1", "2"), Drift("b", "b", "1", "2")]
    before = [{"path": "a", "since": "earlier"}, {"path": "z", "since": "long ago"}]
    entries = unsealed(drift_entries(found, before, now=NOW), NOBODY)
    assert [(e["path"], e["since"]) for e in entries] == [("a", "earlier"), ("b", timestamp(NOW))]


def test_drift_is_bounded() -> None:
    found = [Drift(f"p{n}", "a", "1", "2") for n in range(100)]
    assert len(drift_entries(found, (), now=NOW)) == 32


@pytest.mark.parametrize(
    "kind", [k for k in KINDS.values() if not k.is_local], ids=lambda k: k.kind
)
def test_only_declared_fields_are_shown(kind: Any) -> None:
    resource = {
        "credentialSecret": "canary",
        "environmentVariables": {"A": "canary"},
        "headers": {"Authorization": "canary"},
        "providerSettings": {"apiKey": "canary"},
        kind.rest.id_field: "id-1",
        "status": "READY",
        "statusReason": "",
    }
    shown = unsealed(at_provider(kind, resource), NOBODY)
    assert "canary" not in str(shown)
    assert shown[kind.rest.id_field] == "id-1"
    assert shown.get("state") == ("READY" if kind.rest.state_field else None)
    assert "stateReason" not in shown


def test_a_field_of_an_unexpected_type_is_left_out() -> None:
    kind = KINDS["ModelProxy"]
    shown = unsealed(
        at_provider(kind, {"modelProxyId": {"canary": 1}, "endpoint": "https://x"}), NOBODY
    )
    assert shown == {"endpoint": "https://x"}


def test_the_mark_of_a_create() -> None:
    assert creation_mark(obj(), looked_up=NOW, now=LATER) == {
        "startedAt": timestamp(LATER),
        "generation": 3,
        "lookedUpAt": timestamp(NOW),
    }
    assert "lookedUpAt" not in creation_mark(obj(), looked_up=None, now=LATER)


def test_the_clouds_words_are_sealed() -> None:
    sealed = reason_of({"statusReason": "x" * 1000}, "statusReason")
    assert isinstance(sealed, CloudText)
    assert reason_of({}, "statusReason") is None
    assert reason_of({"statusReason": "x"}, None) is None
