"""A cloud that quotes what it was sent: in every failure and spelling, in whole and in part."""

import gc
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from agentrun_operator.core.fields import SpecModel
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.kind import Derived
from agentrun_operator.core.resolution import Resolution
from agentrun_operator.kinds import catalogue
from agentrun_simulator.faults import Fault
from drift.filled import CANARY, KEYS, SECRET, VARIANTS, Variant, given_fields, spec_of
from drift.stage import Stage, prepared
from drift.watched import KEYS_OF_ACCOUNTS, PLANTED, WatchedLab, leaks
from fakes.cloud import MAIN, TEMPORARY, keys_of
from fakes.secret_fields import secret_fields
from fakes.spellings import spellings

PASSWORD = f"{CANARY}-pulls"
AWKWARD = f'{CANARY}-to/k+e"n <&> é\\ 100%'
"""No two spellings of it are the same."""
each_variant = pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.title)
OURS = frozenset({"agentrun_operator", "httpx", "structlog", "prometheus_client"})
ONE_OF_EACH = tuple({variant.kind: variant for variant in reversed(VARIANTS)}.values())
ACCOUNT = ObjectKey("Account", "team-a", "default")
_turns = count()


def secret_data(value: str) -> dict[str, str]:
    """Return the data of the Secret that every reference leads to."""
    return {**KEYS, "token": value}


def quotes(value: str) -> Iterator[str]:
    """Yield how somebody may quote a value."""
    yield from sorted(spellings(value))
    yield f"{value[: len(value) * 2 // 3]}..."


def echo(lab: WatchedLab, action: str, *values: str, **more: Any) -> None:
    """Let the next call fail with a message that quotes values in all ways, another one first."""
    turn = next(_turns)
    sent = [q for value in values for q in quotes(value)]
    said = [*sent, *(q for key in _keys_in_use(lab) for q in quotes(key))]
    told = [*said[turn % len(said) :], *said[: turn % len(said)]]
    rule = {
        "action": action,
        "effect": "error",
        "status": (400, 500, 403)[turn % 3],
        "code": "ERR_INTERNAL",
        "message": f"cannot take {', '.join(told)}",
        # The resource itself knows nothing of keys.
        "reason": f"cannot start with {', '.join(quote for quote in told if quote in sent)}",
        **more,
    }
    lab.simulator.inject(Fault.model_validate(rule))


def _keys_in_use(lab: WatchedLab) -> tuple[str, ...]:
    """Return what the cloud knows of the account's keys."""
    keys = lab.cloud.connected[-1].keys or {}
    return tuple(value for name, value in keys.items() if name != "accessKeyId")


async def _echoed_life(lab: WatchedLab, variant: Variant) -> None:
    """Refuse, fail and forget at every call from the look-up to the end."""
    cluster, spec = lab.cluster, spec_of(variant)

    def held(value: str) -> tuple[str, ...]:
        """Return what the cloud may quote: it has what the object refers to."""
        return (value, PASSWORD) if SECRET in json.dumps(spec) else ()

    cluster.put_secret(SECRET, secret_data(AWKWARD))
    for action in ("Get.*|List.*", "Create.*", "Create.*"):
        echo(lab, action, *held(AWKWARD))
    echo(lab, "Create.*", *held(AWKWARD), effect="create-failed", seconds=1)
    key = cluster.apply(variant.kind, "it", spec)
    stage = Stage(lab, key)
    for token in range(9):
        await lab.elapse(40)
        if lab.ready(key)[0] != "True":
            lab.annotate(key, reconcile_requested_at=str(token))
    assert lab.ready(key)[0] == "True", lab.message(key)
    for turn in range(2):
        value = f"{turn} {AWKWARD}"
        echo(lab, "Update.*", *held(value))
        echo(lab, "Update.*", *held(value), effect="update-failed", seconds=1)
        cluster.put_secret(SECRET, secret_data(value))
        await stage.settle(40)
        for _ in range(3):
            echo(lab, "Get.*|List.*", *held(value))
        await stage.settle(70)
        lab.simulator.clear_faults()
    cluster.put_secret("default-keys", keys_of(TEMPORARY))
    for _ in range(3):
        await stage.settle(1)
        echo(lab, "ListAgentRuntimes")
        lab.edit(ACCOUNT, requestsPerSecond=next(_turns) % 900 + 1)
        await stage.settle(30)
    lab.simulator.clear_faults()
    cluster.delete(key)
    for _ in range(3):
        echo(lab, "Delete.*", *held(value))
    await lab.elapse(300)


@each_variant
async def test_a_quoted_secret_goes_no_further(variant: Variant, log: io.StringIO) -> None:
    lab = WatchedLab()
    await prepared(lab, variant.kind)
    await _echoed_life(lab, variant)
    said = lab.spoken()
    assert leaks(("log", log.getvalue()), *said.items()) == []
    assert "ERR_INTERNAL" in said["errors"], "an error has our own words alone"
    told = str(said)
    assert "AgentRun says: " in told or "what AgentRun says of it is not shown" in told
    assert any(r["status"] == 500 for r in lab.simulator.requests())


async def test_a_failed_poll_quotes_nothing(log: io.StringIO) -> None:
    """A LIST is of many objects, and asks in the name of none of them."""
    lab = WatchedLab()
    await prepared(lab, "ModelService")
    variant = next(v for v in VARIANTS if v.kind == "ModelService")
    for n in range(lab.settings.polling.few + 1):
        lab.cluster.apply("ModelService", f"it-{n}", spec_of(variant))
    await lab.elapse(70)
    for _ in range(3):
        echo(lab, "ListModelServices", KEYS["token"], PASSWORD)
    await lab.elapse(300)
    assert "poll failed" in log.getvalue()
    assert leaks(("log", log.getvalue()), *lab.spoken().items()) == []


def _shown(values: tuple[str, ...]) -> list[str]:
    """Return what in this process shows a value, as a dump of all its objects would print them."""
    gc.collect()
    found = []
    for each in gc.get_objects():
        # Of some built-in types the module is no text.
        if str(type(each).__module__).partition(".")[0] in OURS:
            text = repr(each)
            found += [f"{type(each).__name__} shows {v}" for v in values if v in text]
    return found


@pytest.mark.parametrize("variant", ONE_OF_EACH, ids=lambda v: v.kind)
async def test_no_object_in_memory_shows_a_secret_during_a_call(variant: Variant) -> None:
    """Half-way through a call, when the values that it sends are all at hand."""
    lab = WatchedLab()
    await prepared(lab, variant.kind)
    values = (f"{CANARY}-token", PASSWORD, *KEYS_OF_ACCOUNTS)
    seen: dict[str, list[str]] = {}

    def look(name: str) -> None:
        if name.startswith(("Create", "write_status")) and name not in seen:
            seen[name] = _shown(values)

    lab.calls.before = look
    key = lab.cluster.apply(variant.kind, "it", spec_of(variant))
    await lab.elapse(20)
    assert lab.ready(key)[0] == "True"
    assert any(name.startswith("Create") for name in seen)
    assert {name: shown for name, shown in seen.items() if shown} == {}


def _boom(_spec: SpecModel, resolution: Resolution) -> None:
    raise ValueError(f"no idea what to do with {resolution.secret(SECRET, 'token')!r}")


async def test_a_bug_of_ours_logs_its_traceback_without_the_secret(log: io.StringIO) -> None:
    credential = catalogue()["Credential"]
    broken = replace(credential, derived=(Derived("credentialSecret", "apiKey", _boom),))
    lab = WatchedLab(kinds={**catalogue(), "Credential": broken})
    await prepared(lab, "Credential")
    lab.cluster.put_secret(SECRET, secret_data(AWKWARD))
    variant = next(v for v in VARIANTS if v.title == "Credential-apiKey")
    key = lab.cluster.apply("Credential", "it", spec_of(variant))
    await lab.elapse(20)
    assert lab.ready(key) == ("False", "InternalError")
    assert "Traceback" in log.getvalue()
    assert "ValueError: no idea what to do with '(secret)'" in log.getvalue()
    assert leaks(("log", log.getvalue()), *lab.spoken().items()) == []


def test_every_field_that_leads_to_a_secret_is_planted() -> None:
    """A new one has to be reached by a variant, or these tests would not see it."""
    lab = WatchedLab()
    for kind in lab.kinds.values():
        variants = [spec_of(v) for v in VARIANTS if v.kind == kind.kind]
        planted = {path for spec in variants for path in given_fields(spec)}
        if kind.is_local:
            planted = {"credentials.secretRef"}  # of the account that all of them live in
        assert secret_fields(kind) <= planted, kind.kind
        held = [line for spec in variants for line in json.dumps(spec).split(",") if CANARY in line]
        assert all("sensitive" in line or "document" in line for line in held)
    assert keys_of(MAIN)["accessKeySecret"] in PLANTED
