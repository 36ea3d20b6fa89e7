"""A bug of ours: the log says where it struck, and neither log nor status has a secret value."""

import pytest
from structlog.testing import capture_logs

from agentrun_operator.core.identity import ObjectKey
from engine.specs import CREDENTIAL, SAMPLES, SECRET_VALUE, lab_for, ready
from fakes.cloud import MAIN, keys_of
from fakes.lab import Lab, account_spec

ACCOUNT_KEY = keys_of(MAIN)["accessKeySecret"]


def break_at(lab: Lab, call: str, quoted: str) -> None:
    def explode(name: str) -> None:
        if name == call:
            raise KeyError(f"no {quoted}")

    lab.calls.before = explode


def assert_told_without(lab: Lab, key: ObjectKey, logs: object, secret: str) -> None:
    assert lab.ready(key) == ("False", "InternalError")
    assert "in handle_async_request" in str(logs), "where it struck"
    assert "KeyError" in str(logs)
    for place in (logs, lab.cluster.raw(key), lab.cluster.events):
        assert secret not in str(place)


async def test_of_an_object_with_secrets() -> None:
    lab = await lab_for(SAMPLES["Credential"])
    break_at(lab, "CreateCredential", SECRET_VALUE)
    key = lab.cluster.apply("Credential", "it", CREDENTIAL)
    with capture_logs() as logs:
        await lab.drain()
    assert_told_without(lab, key, logs, SECRET_VALUE)
    assert "no (secret)" in str(logs), "what else it says helps to find it"
    lab.calls.before = lambda _name: None
    await lab.elapse(400)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)


async def test_of_an_account() -> None:
    lab = Lab()
    lab.cluster.put_secret("keys", keys_of(MAIN))
    break_at(lab, "ListAgentRuntimes", ACCOUNT_KEY)
    key = lab.cluster.apply("Account", "default", account_spec("keys"))
    with capture_logs() as logs:
        await lab.drain()
    assert_told_without(lab, key, logs, ACCOUNT_KEY)
    assert "exc_info" not in str(logs), "whoever renders the record later knows no values"
    lab.calls.before = lambda _name: None
    await lab.elapse(400)
    assert lab.ready(key) == ("True", "Available"), lab.message(key)


async def test_of_a_deletion_that_resolves_nothing() -> None:
    lab, key = await ready(SAMPLES["Credential"])
    break_at(lab, "DeleteCredential", SECRET_VALUE)
    lab.cluster.delete(key)
    with capture_logs() as logs:
        await lab.drain()
    assert_told_without(lab, key, logs, SECRET_VALUE)
    lab.calls.before = lambda _name: None
    await lab.elapse(400)
    assert lab.cluster.raw(key) is None


@pytest.mark.parametrize("kind", ["Account", "ModelProxy"])
async def test_of_a_report(kind: str) -> None:
    lab, key = await ready(SAMPLES["ModelProxy"])
    key = key if kind == "ModelProxy" else ObjectKey("Account", "team-a", "default")
    break_at(lab, "write_status", SECRET_VALUE)
    with capture_logs() as logs:
        lab.annotate(key, reconcile_requested_at="now")
        assert await lab.drain() == 1, "no hot loop"
    assert "KeyError" in str(logs)
    assert SECRET_VALUE not in str(logs)
    lab.calls.before = lambda _name: None
    await lab.elapse(10)
    assert lab.get(key).status["lastRequest"] == "now", "tried again"


async def test_of_a_poll() -> None:
    lab = await lab_for(SAMPLES["ModelProxy"])
    for n in range(6):
        lab.cluster.apply("ModelProxy", f"it-{n}", SAMPLES["ModelProxy"].spec)
    await lab.elapse(100)
    break_at(lab, "ListModelProxies", SECRET_VALUE)
    with capture_logs() as logs:
        await lab.elapse(100)
    assert "poll broke" in str(logs)
    assert SECRET_VALUE not in str(logs)
    lab.calls.before = lambda _name: None
    lab.calls.take()
    await lab.elapse(100)
    assert "ListModelProxies" in lab.calls.names
