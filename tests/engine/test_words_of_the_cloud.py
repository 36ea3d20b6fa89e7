"""What an object shows of the cloud's words: nothing of a value, and nothing that may hold one."""

import asyncio
import base64
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.known import KEPT_SECONDS, MAX_NAMESPACE_BYTES
from agentrun_operator.reconcile.waiting import Worker, working
from agentrun_simulator.faults import Fault
from engine.specs import CREDENTIAL, ENDPOINT, RUNTIME, SAMPLES, lab_for, ready
from fakes.cloud import MAIN, TEMPORARY, keys_of
from fakes.lab import Lab

OLD, NEW = "first-value-4711", "second-value-0815"
UNSAID = "what AgentRun says of it is not shown"
WITH_ENV = {
    **RUNTIME,
    "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}}],
}


def fault(lab: Lab, **rule: Any) -> None:
    lab.simulator.inject(Fault.model_validate(rule))


def shown(lab: Lab) -> str:
    """Return everything that people can read of all objects."""
    return str([lab.cluster.events, *map(lab.cluster.raw, lab.world.cache.keys())])


async def running(spec: dict[str, Any] = WITH_ENV) -> tuple[Lab, ObjectKey]:
    lab = await lab_for(SAMPLES["AgentRuntime"])
    lab.cluster.put_secret("keys", {"token": OLD})
    key = lab.cluster.apply("AgentRuntime", "it", spec)
    await lab.elapse(15)
    assert lab.ready(key) == ("True", "Available")
    return lab, key


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_failed_deletion_quotes_no_secret(*, restarted: bool) -> None:
    lab, key = await running()
    if restarted:
        lab.restart()
    fault(lab, effect="delete-failed", reason=f"hook refused {OLD}", times=None)
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.message(key).endswith("AgentRun says: hook refused (secret)")
    assert OLD not in shown(lab)


WORD = "CorrectHorseBatteryStaple"
CREATE = {"effect": "error", "action": "CreateAgentRuntime", "times": None}


@pytest.mark.parametrize("status", [400, 403, 409, 429, 503])
@pytest.mark.parametrize("form", ["{}", "Forbidden.{}", "ERR_{}"])
async def test_a_secret_of_letters_is_shown_in_no_code(form: str, status: int) -> None:
    """Others hear of a refusal of the whole account, and nobody compares it with their values."""
    lab = await lab_for(SAMPLES["AgentRuntime"])
    lab.cluster.put_secret("keys", {"token": WORD})
    fault(lab, **CREATE, name="it", status=status, code=form.format(WORD), message=f"no {WORD}")
    key = lab.cluster.apply("AgentRuntime", "it", WITH_ENV)
    await lab.elapse(20)
    lab.cluster.apply("AgentRuntime", "neighbour", RUNTIME)
    await lab.elapse(60)
    assert f"HTTP {status}" in lab.message(key)
    assert WORD not in shown(lab)


async def test_a_code_that_nobody_knows_is_in_no_accounts_status() -> None:
    """It may be a value of whatever the account has."""
    lab = Lab()
    key = await lab.ready_account()
    fault(lab, effect="error", action="List.*", status=403, code=WORD, times=None)
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(200)
    assert "HTTP 403;" in lab.message(key)
    assert WORD not in shown(lab)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("ERR_VALIDATION_FAILED", "HTTP 400 ERR_VALIDATION_FAILED; AgentRun says: no"),
        ("OddAnswer", "HTTP 400; AgentRun says: OddAnswer: no"),
    ],
)
async def test_an_ordinary_code_is_readable(code: str, says: str) -> None:
    lab = await lab_for(SAMPLES["AgentRuntime"])
    lab.cluster.put_secret("keys", {"token": "my-validation-of-4711"})
    fault(lab, **CREATE, status=400, code=code, message="no")
    key = lab.cluster.apply("AgentRuntime", "it", WITH_ENV)
    await lab.elapse(60)
    assert says in lab.message(key)


async def test_what_a_program_reads_in_a_value_is_not_quoted() -> None:
    """The header of a basic login is not what its refusal quotes."""
    lab = await lab_for(SAMPLES["AgentRuntime"])
    login = base64.b64encode(f"puller:{OLD}".encode()).decode()
    lab.cluster.put_secret("keys", {"token": f"Basic {login}"})
    fault(lab, effect="create-failed", action="CreateAgentRuntime", reason=f"no login with {OLD}")
    key = lab.cluster.apply("AgentRuntime", "it", WITH_ENV)
    await lab.elapse(60)
    assert "AgentRun says: no login with (secret)" in lab.message(key)
    assert OLD not in shown(lab)


async def test_a_rotation_without_operator_is_unknown_for_an_hour() -> None:
    lab, key = await running()
    lab.cluster.put_secret("keys", {"token": NEW})
    lab.restart()
    fault(lab, effect="delete-failed", reason=f"hook refused {NEW}", times=None)
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert UNSAID in lab.message(key)
    await lab.elapse(KEPT_SECONDS)
    said = set()
    for _ in range(30):
        # Between two tries it says that the cloud is at it.
        await lab.elapse(20)
        said.add(lab.message(key).partition("AgentRun says: ")[2])
    assert "hook refused (secret)" in said


async def test_a_deletion_without_secret_shows_no_cloud_words() -> None:
    lab, key = await running()
    lab.restart()
    lab.cluster.delete_secret("keys")
    fault(lab, effect="delete-failed", reason=f"hook refused {OLD}", times=None)
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert UNSAID in lab.message(key)
    assert "stateReason" not in lab.get(key).status.get("atProvider", {})
    assert OLD not in shown(lab)


async def test_a_value_counts_for_an_hour_after_it_was_rotated() -> None:
    lab, key = await running()
    lab.cluster.put_secret("keys", {"token": NEW})
    await lab.elapse(30)
    for quoted in (OLD, NEW):
        fault(
            lab, effect="error", action="UpdateAgentRuntime", status=400, message=f"bad {quoted}!"
        )
        lab.edit(key, description=f"about {len(quoted)}")
        await lab.elapse(20)
        assert lab.message(key).endswith("AgentRun says: bad (secret)!")
    assert OLD not in shown(lab)
    assert NEW not in shown(lab)
    known = lab.world.known
    assert OLD in known.of(key)[0]
    await lab.elapse(KEPT_SECONDS)
    assert OLD not in known.of(key)[0]
    assert NEW in known.of(key)[0]


async def test_what_a_reference_sends_is_known_as_well() -> None:
    """The cloud resolves references by itself, and may quote what it found there."""
    lab = await lab_for(SAMPLES["Credential"])
    lab.cluster.put_secret("keys", {"token": OLD})
    lab.cluster.apply("Credential", "guard", CREDENTIAL)
    lab.cluster.apply("AgentRuntime", "base", {**RUNTIME, "credentialRef": {"name": "guard"}})
    await lab.elapse(30)
    fault(lab, effect="create-failed", action="CreateAgentRuntimeEndpoint", reason=f"no {OLD}")
    key = lab.cluster.apply("AgentRuntimeEndpoint", "it", ENDPOINT)
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "ProviderFailed")
    assert lab.message(key).endswith("AgentRun says: no (secret)")


async def test_plain_words_of_the_spec_stay_readable() -> None:
    """Also those that no read returns: they are no secrets, and ordinary messages hold them."""
    lab = await lab_for(SAMPLES["AgentRuntime"])
    lab.cluster.put_secret("keys", {"token": OLD})
    said = "Container of monitoring-space cannot start"
    fault(lab, effect="create-failed", action="CreateAgentRuntime", reason=f"{said}: {OLD}")
    arms = {
        "enabled": True,
        "cmsWorkspace": "monitoring-space",
        "licenseKeyFrom": {"secretKeyRef": {"name": "keys", "key": "token"}},
    }
    key = lab.cluster.apply("AgentRuntime", "it", {**RUNTIME, "arms": arms})
    await lab.elapse(60)
    assert lab.message(key).endswith(f"AgentRun says: {said}: (secret)")


async def test_plain_variables_stay_readable_and_secret_ones_do_not() -> None:
    lab = await lab_for(SAMPLES["AgentRuntime"])
    lab.cluster.put_secret("keys", {"token": OLD, "same": "in-both-places"})
    said = f"no room in zone-frankfurt-7 for {OLD} and in-both-places"
    fault(lab, effect="create-failed", action="CreateAgentRuntime", reason=said)
    env = [
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
        {"name": "ZONE", "value": "zone-frankfurt-7"},
        {"name": "COPY", "value": "in-both-places"},
    ]
    key = lab.cluster.apply("AgentRuntime", "it", {**RUNTIME, "env": env})
    await lab.elapse(60)
    expected = "AgentRun says: no room in zone-frankfurt-7 for (secret) and (secret)"
    assert lab.message(key).endswith(expected)


async def test_a_header_in_the_spec_counts_as_a_secret() -> None:
    """It can come from nowhere else, and may be a password."""
    lab = await lab_for(SAMPLES["AgentRuntime"])
    headers = '{"X-Key": "open-sesame-4711"}'
    fault(lab, effect="create-failed", action="CreateAgentRuntime", reason="no open-sesame-4711")
    protocol = {"settings": [{"type": "HTTP", "headers": headers}]}
    key = lab.cluster.apply("AgentRuntime", "it", {**RUNTIME, "protocol": protocol})
    await lab.elapse(60)
    assert lab.message(key).endswith("AgentRun says: no (secret)")


async def test_plain_words_of_a_credential_stay_readable() -> None:
    lab = await lab_for(SAMPLES["Credential"])
    lab.cluster.put_secret("keys", {"token": OLD})
    said = f"credential shared-openai takes no {OLD} in X-Team-Token"
    fault(lab, effect="error", action="CreateCredential", status=400, message=said)
    key = lab.cluster.apply(
        "Credential",
        "it",
        {
            "purpose": "OutboundModel",
            "apiKey": {
                "provider": "openai",
                "headerName": "X-Team-Token",
                "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}},
            },
        },
    )
    await lab.elapse(60)
    assert "credential shared-openai takes no (secret) in X-Team-Token" in lab.message(key)


async def test_a_reference_out_of_the_cluster_may_hold_anything() -> None:
    lab = await lab_for(SAMPLES["ModelProxy"])
    fault(lab, effect="error", action="CreateModelProxy", status=400, message=f"model key {OLD}")
    key = lab.cluster.apply("ModelProxy", "it", SAMPLES["ModelProxy"].spec)
    await lab.elapse(30)
    assert lab.message(key).startswith("CreateModelProxy: HTTP 400")
    assert UNSAID in lab.message(key)


async def test_who_observes_sees_fields_and_no_words() -> None:
    lab, key = await running()
    observer = lab.cluster.apply(
        "AgentRuntime",
        "watcher",
        {**RUNTIME, "description": "mine", "externalName": "it", "managementPolicy": "Observe"},
    )
    await lab.elapse(60)
    assert lab.get(observer).status["drift"][0]["observed"] == "first"
    fault(lab, effect="delete-failed", reason=f"hook refused {OLD}", times=None)
    lab.cluster.delete(key)
    await lab.elapse(120)
    assert OLD not in shown(lab)
    assert "stateReason" not in lab.get(observer).status["atProvider"]


async def test_the_keys_of_an_account_count_across_a_change() -> None:
    lab, key = await ready(SAMPLES["AgentRuntime"])
    lab.cluster.put_secret("default-keys", keys_of(TEMPORARY))
    await lab.elapse(30)
    for pair in (MAIN, TEMPORARY):
        secret = keys_of(pair)["accessKeySecret"]
        fault(
            lab, effect="error", action="UpdateAgentRuntime", status=400, message=f"bad {secret}!"
        )
        lab.edit(key, description=f"about {pair.access_key_id}")
        await lab.elapse(30)
        assert "AgentRun says: bad (secret)" in lab.message(key)
        assert secret not in shown(lab)


async def test_what_is_said_to_a_list_is_shown_by_nobody() -> None:
    lab, key = await running()
    fault(lab, effect="error", action="List.*", status=400, message=f"bad {OLD}", times=None)
    account = ObjectKey("Account", "team-a", "default")
    lab.annotate(account, reconcile_requested_at="now")
    await lab.elapse(300)
    assert lab.message(account).startswith("ListAgentRuntimes: HTTP 400")
    assert OLD not in shown(lab)
    assert lab.ready(key)[0] != "False"


async def test_values_that_find_no_room_close_the_cloud_s_words() -> None:
    lab = await lab_for(SAMPLES["AgentRuntime"])
    other = ObjectKey("Credential", "team-a", "full")
    lab.engine._world.known.note(other, ["v" * (MAX_NAMESPACE_BYTES - 200)])
    lab.cluster.put_secret("keys", {"token": OLD, "other": "x" * 200})
    fault(lab, effect="create-failed", reason="nothing to hide")
    key = lab.cluster.apply("AgentRuntime", "it", WITH_ENV)
    await lab.elapse(60)
    assert UNSAID in lab.message(key)


@pytest.mark.parametrize(
    ("count", "padding"), [(3000, ""), (0, " no luck" * 1000)], ids=["many values", "long words"]
)
async def test_what_takes_long_is_compared_in_a_thread(count: int, padding: str) -> None:
    """Or it would hold the event loop, and everybody with it. A worker is not kept for it."""
    told: list[str] = []

    class Threads(ThreadPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            def noting() -> Any:
                found = fn(*args, **kwargs)
                if "(secret)" in str(found):
                    told.append("compared")
                return found

            return super().submit(noting)

    asyncio.get_running_loop().set_default_executor(Threads(1))
    lab = await lab_for(SAMPLES["AgentRuntime"])
    values = {f"k{n}": f"value-{n:06d}" for n in range(count)}
    lab.cluster.put_secret("keys", {"token": OLD, **values})
    fault(lab, effect="create-failed", reason=f"no {OLD}, no luck{padding}")
    key = lab.cluster.apply("AgentRuntime", "it", WITH_ENV)
    with working(Worker(lambda: told.append("given up"), lambda: told.append("taken back"))):
        await lab.elapse(60)
    assert "AgentRun says: no (secret), no luck" in lab.message(key)
    before = [told[at - 1] for at, each in enumerate(told) if each == "compared"]
    assert before
    assert set(before) == {"given up"}
