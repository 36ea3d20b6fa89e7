"""The operator's rights are taken away while it runs: the object says so, not the log alone."""

import pytest

from agentrun_operator.core.identity import ObjectKey
from engine.specs import CREDENTIAL, PROXY, keys
from fakes.lab import Lab

DEFAULT = ObjectKey("Account", "team-a", "default")
REFUSED = "get Secret: HTTP 403; extend the RBAC rules of the operator"


async def ready_lab() -> Lab:
    lab = Lab()
    await lab.ready_account()
    await keys(lab)
    return lab


def denials(lab: Lab) -> list[str]:
    return [event.message for event in lab.cluster.events if event.reason == "AccessDenied"]


@pytest.mark.parametrize("was_ready", [False, True])
async def test_a_secret_that_may_not_be_read_is_told(*, was_ready: bool) -> None:
    lab = await ready_lab()
    if was_ready:
        key = lab.cluster.apply("Credential", "it", CREDENTIAL)
        await lab.elapse(60)
    lab.cluster.client.forbidden = frozenset({"Secret"})
    key = lab.cluster.apply("Credential", "it", {**CREDENTIAL, "description": "anew"})
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "ReferenceNotFound")
    assert REFUSED in lab.message(key)
    lab.cluster.client.forbidden = frozenset()
    await lab.elapse(60)
    assert lab.ready(key) == ("True", "Available")


async def test_keys_that_may_not_be_read_leave_nothing_ready() -> None:
    lab = await ready_lab()
    key = lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(60)
    lab.cluster.client.forbidden = frozenset({"Secret"})
    lab.restart()
    lab.edit(key, description="anew")
    await lab.elapse(300)
    assert lab.ready(DEFAULT) == ("False", "CredentialsNotFound")
    assert REFUSED in lab.message(DEFAULT)
    assert lab.ready(key)[0] != "True"
    assert denials(lab) == []
    lab.cluster.delete(key)
    await lab.elapse(60)
    assert lab.ready(key) == ("False", "DeletionBlocked")
    lab.cluster.client.forbidden = frozenset()
    await lab.elapse(120)
    assert lab.cluster.raw(key) is None


async def test_a_status_that_may_not_be_written_is_told_once() -> None:
    lab = await ready_lab()
    lab.cluster.client.forbidden = frozenset({"status"})
    lab.cluster.apply("Credential", "it", CREDENTIAL)
    await lab.elapse(300)
    assert denials(lab) == ["status Credential: HTTP 403; extend the RBAC rules of the operator"]
