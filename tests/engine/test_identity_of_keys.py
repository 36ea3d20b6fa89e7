"""Whose keys an account has is known before anything is asked or done with them."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.settings import OwnAccount, Settings
from engine.shared import ALL
from engine.specs import CREDENTIAL, PROXY, RUNTIME, SAMPLES, made, ready
from fakes.cloud import MAIN, OTHER, TEMPORARY, keys_of
from fakes.lab import Lab, account_spec

DEFAULT = ObjectKey("Account", "team-a", "default")
GOOD = ("True", "Available")
ASKED = "GetCallerIdentity"


def secret_of(lab: Lab, keys: dict[str, str]) -> None:
    lab.cluster.put_secret("default-keys", keys)


def sent_to(lab: Lab, account: str, since: int = 0) -> set[str]:
    """Return the actions that reached an account."""
    return {r["action"] for r in lab.simulator.requests(since) if r["account"] == account}


def position(lab: Lab) -> int:
    return max((r["seq"] for r in lab.simulator.requests()), default=0)


# ------------------------------------------------ keys of another account


@pytest.mark.parametrize("kind", SAMPLES)
async def test_keys_of_another_account_are_asked_nothing_else(kind: str) -> None:
    lab, key = await ready(SAMPLES[kind])
    version = lab.get(key).resource_version
    before = len(made(lab, SAMPLES[kind]))
    secret_of(lab, keys_of(OTHER))
    await lab.elapse(120)
    assert sent_to(lab, OTHER.account_id) == {ASKED}
    assert lab.ready(DEFAULT) == ("False", "AccountMismatch")
    assert lab.condition(DEFAULT, "Stalled") == ("True", "AccountMismatch")
    assert lab.ready(key) == GOOD, "its last truth"
    assert lab.get(key).resource_version == version
    secret_of(lab, keys_of(MAIN))
    await lab.elapse(60)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD
    assert lab.get(key).resource_version == version, "nothing was said of the object"
    assert len(made(lab, SAMPLES[kind])) == before
    assert lab.resources(SAMPLES[kind].family, OTHER.account_id) == []


@pytest.mark.parametrize("kind", SAMPLES)
async def test_ready_has_a_date_while_the_account_waits_to_go(kind: str) -> None:
    lab, key = await ready(SAMPLES[kind])
    lab.cluster.delete(DEFAULT)
    await lab.elapse(10)
    secret_of(lab, keys_of(OTHER))
    await lab.elapse(60)
    assert lab.ready(DEFAULT) == ("False", "DeletionBlocked")
    assert lab.ready(key) == GOOD, "its last truth"
    await lab.elapse(240)
    assert lab.ready(key) == ("Unknown", "DependencyNotReady")
    assert "belong to account 20002" in lab.message(key)
    version = lab.get(key).resource_version
    await lab.elapse(300)
    assert lab.get(key).resource_version == version, "said once"
    secret_of(lab, keys_of(MAIN))
    await lab.elapse(60)
    assert lab.ready(key)[0] == "True", "a sandbox may be Completed by now"


async def test_the_message_names_accounts_and_secret_but_no_key() -> None:
    lab = Lab()
    secret_of(lab, keys_of(OTHER))
    lab.cluster.apply("Account", "default", account_spec("default-keys"))
    await lab.elapse(5)
    message = lab.message(DEFAULT)
    for word in ("20002", "10001", "Secret 'default-keys'"):
        assert word in message
    for secret in keys_of(OTHER).values():
        assert secret not in str(lab.cluster.raw(DEFAULT))
    assert sent_to(lab, OTHER.account_id) == {ASKED}


async def test_new_objects_and_edits_wait_for_the_account() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    secret_of(lab, keys_of(OTHER))
    await lab.elapse(5)
    lab.cluster.put_secret("keys", {"token": "x"})
    young = lab.cluster.apply("Credential", "young", CREDENTIAL)
    lab.edit(key, description="edited")
    await lab.elapse(60)
    assert lab.ready(young) == ("False", "DependencyNotReady")
    assert lab.ready(key) == ("Unknown", "AccountMismatch")
    for waiting in (young, key):
        assert "Account team-a/default" in lab.message(waiting)
        assert "AccountMismatch" in lab.message(waiting) or "20002" in lab.message(waiting)
    secret_of(lab, keys_of(MAIN))
    await lab.elapse(30)
    assert lab.ready(young) == lab.ready(key) == GOOD
    assert [p["description"] for p in made(lab, SAMPLES["ModelProxy"])] == ["edited"]
    assert sent_to(lab, OTHER.account_id) == {ASKED}


async def test_a_restart_amid_wrong_keys_changes_nothing() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    secret_of(lab, keys_of(OTHER))
    lab.restart()
    await lab.elapse(120)
    assert lab.ready(DEFAULT) == ("False", "AccountMismatch")
    assert lab.ready(key) == GOOD
    assert sent_to(lab, OTHER.account_id) == {ASKED}
    secret_of(lab, keys_of(MAIN))
    await lab.elapse(60)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD


async def test_many_objects_ask_once_and_retry_a_wrong_secret_slowly() -> None:
    lab = Lab()
    await lab.ready_account()
    for n in range(30):
        lab.cluster.apply("ModelProxy", f"it-{n}", PROXY)
    await lab.elapse(30)
    lab.calls.take()
    secret_of(lab, keys_of(OTHER))
    await lab.elapse(60)
    assert lab.calls.take().count(ASKED) <= 3
    await lab.elapse(3600)
    assert lab.calls.take().count(ASKED) <= 3600 / 30


async def test_without_a_watch_keys_are_found_at_the_poll_interval() -> None:
    lab = Lab(Settings(secret_access="get"))
    lab.cluster.reference_changed = lambda *_where: None
    secret_of(lab, keys_of(OTHER))
    lab.cluster.apply("Account", "default", account_spec("default-keys"))
    await lab.elapse(1000)
    assert lab.ready(DEFAULT) == ("False", "AccountMismatch")
    secret_of(lab, keys_of(MAIN))
    await lab.elapse(61)
    assert lab.ready(DEFAULT) == GOOD


async def test_the_operators_own_keys_are_asked_about_as_well() -> None:
    lab = Lab(Settings(own_account=OwnAccount("20002", "cn-hangzhou", allow=ALL)))
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "AccountMismatch")
    assert "the operator's own credentials" in lab.message(key)
    assert sent_to(lab, MAIN.account_id) == {ASKED}


# ------------------------------------------------ deletion


async def test_deletion_with_keys_of_another_account_is_blocked() -> None:
    lab, proxy = await ready(SAMPLES["ModelProxy"])
    runtime = lab.cluster.apply("AgentRuntime", "rt", RUNTIME)
    await lab.elapse(30)
    secret_of(lab, keys_of(OTHER))
    await lab.drain()
    for key in (proxy, runtime):
        lab.cluster.delete(key)
    await lab.elapse(300)
    for key in (proxy, runtime):
        assert lab.ready(key) == ("False", "DeletionBlocked")
        assert "put keys of account 10001 there" in lab.message(key)
    assert sent_to(lab, OTHER.account_id) == {ASKED}
    secret_of(lab, keys_of(MAIN))
    await lab.elapse(60)
    assert [lab.cluster.raw(key) for key in (proxy, runtime)] == [None, None]
    assert made(lab, SAMPLES["ModelProxy"]) == lab.resources("AgentRuntime") == []


# ------------------------------------------------ the second source


def lies_in_arns(lab: Lab) -> Callable[[], None]:
    """Let the cloud name another account in its ARNs, whatever the token service says."""
    engine: Any = lab.simulator._cloud.engine
    render = engine.render

    def lying(tenant: Any, record: Any, *more: Any, **named: Any) -> Any:
        shown = render(tenant, record, *more, **named)
        return {
            k: v.replace(f":{MAIN.account_id}:", ":30003:") if k.endswith("Arn") else v
            for k, v in shown.items()
        }

    engine.render = lying

    def honest() -> None:
        engine.render = render

    return honest


async def test_nothing_is_concluded_from_an_answer_of_another_account() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    honest = lies_in_arns(lab)
    lab.edit(key, description="edited")
    await lab.elapse(30)
    assert lab.ready(key) == ("Unknown", "AccountMismatch")
    assert "30003" in lab.message(DEFAULT)
    assert lab.ready(DEFAULT) == ("False", "AccountMismatch")
    assert lab.resources("AgentRuntime")[0].get("description") != "edited"
    honest()
    await lab.elapse(400)
    assert lab.ready(key) == lab.ready(DEFAULT) == GOOD
    assert lab.resources("AgentRuntime")[0]["description"] == "edited"


async def test_a_deletion_believes_no_answer_of_another_account() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    honest = lies_in_arns(lab)
    lab.cluster.delete(key)
    await lab.elapse(30)
    assert lab.ready(key) == ("False", "DeletionBlocked")
    assert len(lab.resources("AgentRuntime")) == 1
    honest()
    await lab.elapse(400)
    assert lab.cluster.raw(key) is None
    assert lab.resources("AgentRuntime") == []


# ------------------------------------------------ nobody to ask


def no_token_service(name: str) -> None:
    if name == ASKED:
        raise httpx.ConnectTimeout("no route")


async def test_a_token_service_out_of_reach_is_no_mismatch() -> None:
    lab = Lab()
    lab.calls.before = no_token_service
    secret_of(lab, keys_of(MAIN))
    lab.cluster.apply("Account", "default", account_spec("default-keys"))
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(60)
    assert lab.ready(DEFAULT) == ("False", "ProviderUnavailable")
    assert "identityCheck.mode: Off" in lab.message(DEFAULT)
    assert lab.ready(key)[1] == "DependencyNotReady"
    assert lab.simulator.requests() == []
    lab.edit(DEFAULT, identityCheck={"mode": "Off"})
    await lab.elapse(60)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD
    assert "not verified" in lab.message(DEFAULT)
    assert lab.get(DEFAULT).status["atProvider"]["identity"] == "NotVerified"


async def test_a_restart_without_token_service_says_so_and_recovers() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    lab.restart()
    since = position(lab)
    lab.calls.before = no_token_service
    await lab.elapse(400)
    assert lab.ready(DEFAULT) == ("False", "ProviderUnavailable")
    assert lab.ready(key) == ("Unknown", "ProviderUnavailable")
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.cluster.raw(key) is not None, "nothing is released unseen"
    assert lab.simulator.requests(since) == []
    lab.calls.before = lambda _name: None
    await lab.elapse(100)
    assert lab.ready(DEFAULT) == GOOD
    assert lab.cluster.raw(key) is None
    assert made(lab, SAMPLES["ModelProxy"]) == []


async def test_an_account_may_name_another_token_service() -> None:
    lab = Lab()
    lab.cloud.elsewhere["http://sts.test"] = lab.simulator
    spec = account_spec("default-keys", identityCheck={"endpoint": "http://sts.test"})
    secret_of(lab, keys_of(MAIN))
    lab.cluster.apply("Account", "default", spec)
    await lab.elapse(5)
    assert lab.ready(DEFAULT) == GOOD


@pytest.mark.parametrize("kind", ["ModelProxy", "AgentRuntime"])
async def test_unverified_keys_have_to_show_a_known_resource(kind: str) -> None:
    lab, key = await ready(SAMPLES[kind])
    lab.edit(DEFAULT, identityCheck={"mode": "Off"})
    await lab.elapse(30)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD
    secret_of(lab, keys_of(OTHER))
    await lab.elapse(200)
    assert lab.ready(DEFAULT) == lab.ready(key) == ("False", "AccountChanged")
    assert "correct the access key" in lab.message(DEFAULT)
    assert {a[:3] for a in sent_to(lab, OTHER.account_id)} == {"Get"}
    secret_of(lab, keys_of(TEMPORARY))
    await lab.elapse(60)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD
    assert len(made(lab, SAMPLES[kind])) == 1


@pytest.mark.parametrize("kind", SAMPLES)
async def test_a_restart_hides_no_change_of_unverified_keys(kind: str) -> None:
    lab, key = await ready(SAMPLES[kind])
    lab.edit(DEFAULT, identityCheck={"mode": "Off"})
    await lab.elapse(30)
    before = len(made(lab, SAMPLES[kind]))
    secret_of(lab, keys_of(OTHER))
    lab.restart()
    await lab.elapse(300)
    assert lab.ready(DEFAULT) == lab.ready(key) == ("False", "AccountChanged")
    assert "correct the access key" in lab.message(DEFAULT)
    assert {a[:3] for a in sent_to(lab, OTHER.account_id)} == {"Get"}
    secret_of(lab, keys_of(TEMPORARY))
    await lab.elapse(60)
    assert lab.ready(DEFAULT) == lab.ready(key) == GOOD
    assert len(made(lab, SAMPLES[kind])) == before
    # The same keys need no proof: what is gone is made again.
    lab.restart()
    lab.calls.take()
    await lab.elapse(60)
    assert "write_status" not in lab.calls.take()


async def test_a_recreated_account_unverified_must_show_a_resource() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    spec = {**lab.get(DEFAULT).spec, "identityCheck": {"mode": "Off"}}
    lab.cluster.vanish(DEFAULT)
    secret_of(lab, keys_of(OTHER))
    lab.cluster.apply("Account", "default", spec)
    await lab.elapse(100)
    assert lab.ready(DEFAULT) == lab.ready(key) == ("False", "AccountChanged")
    assert "correct spec.endpoint or the access key" in lab.message(DEFAULT)
    assert sent_to(lab, OTHER.account_id) == {"GetModelProxy"}


# ------------------------------------------------ cost, upgrade


async def test_a_start_asks_once_per_account_whatever_its_objects() -> None:
    lab = Lab()
    await lab.ready_account()
    for n in range(10):
        lab.cluster.apply("ModelProxy", f"it-{n}", PROXY)
    await lab.elapse(30)
    lab.calls.take()
    lab.restart()
    await lab.elapse(600)
    calls = lab.calls.take()
    assert calls.count(ASKED) == 1
    assert "write_status" not in calls


async def test_older_accounts_are_verified_with_one_call_and_write() -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    version = lab.get(key).resource_version
    raw = lab.cluster.raw(DEFAULT)
    assert raw is not None
    status = raw["status"]
    del status["atProvider"]["identity"]
    for condition in status["conditions"]:
        if condition["type"] == "Ready":
            condition["message"] = "AgentRun accepts the keys in cn-hangzhou"
    lab.cluster.put_status(DEFAULT, status)
    lab.calls.take()
    lab.restart()
    await lab.elapse(30)
    calls = lab.calls.take()
    assert [calls.count(n) for n in (ASKED, "write_status", "ListAgentRuntimes")] == [1, 1, 0]
    assert lab.get(key).resource_version == version
    assert lab.get(DEFAULT).status["atProvider"]["identity"] == "Verified"
