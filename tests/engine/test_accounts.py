"""Accounts: verified, lent out by the rules, pinned, held; and their keys, good and bad."""

from dataclasses import replace

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.settings import Settings
from agentrun_simulator.faults import Fault
from engine.specs import PROXY, SAMPLES, made, ready
from fakes.cloud import MAIN, OTHER, keys_of
from fakes.lab import Lab, account_spec

SYSTEM = "agentrun-system"
DEFAULT = ObjectKey("Account", "team-a", "default")
GOOD = ("True", "Available")


# ------------------------------------------------ verification


async def test_a_verified_account_is_ready_and_shows_who_it_is() -> None:
    lab = Lab()
    lab.cluster.put_secret("k", keys_of(MAIN))
    key = lab.cluster.apply("Account", "default", account_spec("k"))
    await lab.elapse(5)
    assert lab.ready(key) == GOOD
    assert lab.get(key).is_claimed
    assert lab.get(key).status["atProvider"] == {
        "accountId": "10001",
        "region": "cn-hangzhou",
        "identity": "Verified",
    }
    assert lab.calls.take() == [
        "add_finalizer",
        "GetCallerIdentity",
        "ListAgentRuntimes",
        "write_status",
    ]
    await lab.elapse(2000)
    assert lab.calls.take() == []


@pytest.mark.parametrize(
    ("data", "reason", "word"),
    [
        (None, "CredentialsNotFound", "keys"),
        ({"accessKeyId": "main-id"}, "CredentialsInvalid", "accessKeySecret"),
        (
            {"accessKeyId": "main-id", "accessKeySecret": ""},
            "CredentialsInvalid",
            "accessKeySecret",
        ),
        ({"accessKeyId": "nobody", "accessKeySecret": "canary"}, "CredentialsInvalid", ""),
        ({"accessKeyId": "main-id", "accessKeySecret": "canary"}, "CredentialsInvalid", ""),
    ],
    ids=["no secret", "no key", "empty key", "unknown key id", "wrong secret"],
)
async def test_bad_keys_are_told_and_an_edit_of_the_secret_heals(
    data: dict[str, str] | None, reason: str, word: str
) -> None:
    lab = Lab()
    if data is not None:
        lab.cluster.put_secret("keys", data)
    key = lab.cluster.apply("Account", "default", account_spec("keys"))
    await lab.elapse(5)
    assert lab.ready(key) == ("False", reason)
    assert word in lab.message(key)
    assert "canary" not in str(lab.cluster.raw(key))
    lab.cluster.put_secret("keys", keys_of(MAIN))
    await lab.drain()
    assert lab.ready(key) == GOOD


async def test_keys_corrected_unseen_are_found_at_the_next_try() -> None:
    lab = Lab(replace(Settings(), secret_access="get"))
    lab.cluster.put_secret("keys", {"accessKeyId": "main-id", "accessKeySecret": "wrong"})
    key = lab.cluster.apply("Account", "default", account_spec("keys"))
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "CredentialsInvalid")
    lab.cluster.reference_changed = lambda *_where: None
    lab.cluster.put_secret("keys", keys_of(MAIN))
    await lab.elapse(200)
    assert lab.ready(key) == GOOD


async def test_an_endpoint_off_the_list_stalls() -> None:
    lab = Lab()
    lab.cluster.put_secret("k", keys_of(MAIN))
    spec = account_spec("k", endpoint="http://forbidden.example")
    key = lab.cluster.apply("Account", "default", spec)
    await lab.elapse(5)
    assert lab.ready(key) == ("False", "InvalidParameter")
    assert lab.condition(key, "Stalled") == ("True", "InvalidParameter")


async def test_a_paused_account_is_not_verified() -> None:
    lab = Lab()
    lab.cluster.put_secret("k", keys_of(MAIN))
    key = lab.cluster.apply(
        "Account", "default", account_spec("k"), annotations={"agentrun.dev/paused": "true"}
    )
    await lab.elapse(5)
    assert lab.condition(key, "Paused") == ("True", "Paused")
    assert "ListAgentRuntimes" not in lab.calls.names
    lab.cluster.edit(key, annotations={})
    await lab.elapse(5)
    assert lab.ready(key) == GOOD


async def test_revoked_keys_are_noticed_by_the_account() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.simulator.inject(
        Fault.model_validate(
            {"effect": "error", "status": 403, "code": "InvalidAccessKeyId.NotFound", "times": None}
        )
    )
    await lab.elapse(100)
    assert lab.ready(key)[1] in {"CredentialsInvalid", "DependencyNotReady"}
    lab.simulator.clear_faults()
    lab.cluster.put_secret("default-keys", keys_of(MAIN))
    await lab.elapse(400)
    assert lab.ready(key) == GOOD
    assert lab.ready(DEFAULT) == GOOD


# ------------------------------------------------ pinning


async def test_a_changed_account_stalls_without_a_call() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.cluster.put_secret("other-keys", keys_of(OTHER))
    lab.cluster.apply("Account", "other", account_spec("other-keys", OTHER.account_id))
    await lab.drain()
    lab.calls.take()
    lab.edit(key, accountRef={"name": "other"})
    await lab.elapse(100)
    assert lab.ready(key) == ("False", "AccountChanged")
    assert lab.condition(key, "Stalled") == ("True", "AccountChanged")
    assert set(lab.calls.take()) == {"write_status"}
    lab.cluster.delete(key)
    await lab.elapse(10)
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["ModelProxy"]) == [], "deleted where it was made"


async def test_who_has_no_resource_claims_its_name_where_it_asks_now() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("other-keys", keys_of(OTHER))
    lab.cluster.apply("Account", "other", account_spec("other-keys", OTHER.account_id))
    await lab.drain()
    refused = {"action": "Create.*", "effect": "error", "status": 400, "code": "InvalidParameter"}
    lab.simulator.inject(Fault.model_validate(refused))
    spec = {**PROXY, "externalName": "name"}
    older = lab.cluster.apply("ModelProxy", "older", {**spec, "accountRef": {"name": "other"}})
    await lab.elapse(10)
    assert lab.get(older).status["account"]["accountId"] == OTHER.account_id
    lab.annotate(older, paused="true")
    lab.edit(older, accountRef={"name": "default"})
    younger = lab.cluster.apply("ModelProxy", "younger", spec)
    await lab.elapse(10)
    assert lab.ready(younger) == ("False", "ExternalNameConflict"), lab.message(younger)


async def test_a_reference_into_another_account_stalls() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": "x"})
    lab.cluster.put_secret("other-keys", keys_of(OTHER))
    lab.cluster.apply("Account", "other", account_spec("other-keys", OTHER.account_id))
    lab.cluster.apply(
        "Credential", "c", {**SAMPLES["Credential"].spec, "accountRef": {"name": "other"}}
    )
    key = lab.cluster.apply("ModelProxy", "it", {**PROXY, "credentialRef": {"name": "c"}})
    await lab.elapse(10)
    assert lab.ready(key) == ("False", "AccountMismatch")
    assert lab.condition(key, "Stalled") == ("True", "AccountMismatch")


# ------------------------------------------------ holding


async def test_an_account_is_held_by_its_users() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.cluster.delete(DEFAULT)
    await lab.elapse(100)
    assert lab.ready(DEFAULT) == ("False", "DeletionBlocked")
    assert "ModelProxy team-a/it" in lab.message(DEFAULT)
    assert lab.ready(key) == GOOD, "who lives there may stay"
    young = lab.cluster.apply("ModelProxy", "young", PROXY)
    await lab.elapse(5)
    assert lab.ready(young) == ("False", "DependencyNotReady")
    lab.cluster.delete(young)
    lab.cluster.delete(key)
    await lab.elapse(10)
    assert lab.cluster.keys() == []


async def test_a_secret_that_is_touched_opens_no_new_client() -> None:
    lab, _ = await ready(SAMPLES["ModelProxy"])
    opened = len(lab.cloud.connected)
    lab.cluster.put_secret("default-keys", keys_of(MAIN))
    await lab.elapse(100)
    assert len(lab.cloud.connected) == opened + 1


async def test_a_stranger_cannot_slow_an_account_down() -> None:
    lab = Lab()
    await lab.ready_account()
    wrong = {"accessKeyId": "bogus", "accessKeySecret": "bogus"}
    lab.cluster.put_secret("default-keys", wrong, namespace="team-b")
    spec = account_spec("default-keys", requestsPerSecond=1)
    lab.cluster.apply("Account", "default", spec, namespace="team-b")
    await lab.drain()
    keys = [lab.cluster.apply("ModelProxy", f"it-{n}", PROXY) for n in range(10)]
    before = lab.clock.monotonic()
    await lab.drain()
    assert lab.clock.monotonic() - before < 5
    assert all(lab.ready(key) == ("False", "Creating") for key in keys)
