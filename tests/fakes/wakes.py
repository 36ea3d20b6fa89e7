"""What may wake a pass although nobody edited a field; each ends when that pass is over."""

from collections.abc import Awaitable, Callable, Mapping

from agentrun_operator.core.identity import ObjectKey
from agentrun_simulator.faults import Fault
from fakes.cloud import MAIN, keys_of
from fakes.lab import Lab, account_spec

Wake = Callable[[Lab, ObjectKey], Awaitable[None]]
_REFUSED = {"effect": "error", "status": 403, "code": "InvalidAccessKeyId.Inactive", "times": None}
_DOWN = {"effect": "error", "status": 503, "code": "ServiceUnavailable", "times": None}
_AGAIN_SECONDS = 120.0
"""Past the first retry after a short failure, and past a poll."""


async def recovered_keys(lab: Lab, _: ObjectKey) -> None:
    """The account's keys are refused for a while."""
    await _faulty(lab, _REFUSED, 70)


async def recovered_cloud(lab: Lab, _: ObjectKey) -> None:
    """AgentRun is out of reach until nothing is Ready any more."""
    await _faulty(lab, _DOWN, 900)


async def restored_secret(lab: Lab, _: ObjectKey) -> None:
    """The Secret of the account's keys is deleted and created again."""
    lab.cluster.delete_secret("default-keys")
    await lab.elapse(10)
    lab.cluster.put_secret("default-keys", keys_of(MAIN))
    await lab.elapse(_AGAIN_SECONDS)


async def account_back(lab: Lab, _: ObjectKey) -> None:
    """The account itself is gone for a while."""
    account = ObjectKey("Account", "team-a", "default")
    lab.cluster.vanish(account)
    await lab.elapse(30)
    lab.cluster.apply("Account", "default", account_spec("default-keys"))
    await lab.elapse(_AGAIN_SECONDS)


async def edited_account(lab: Lab, _: ObjectKey) -> None:
    """The owner of the account says that its API differs."""
    _spell_otherwise(lab)
    await lab.elapse(_AGAIN_SECONDS)


async def edited_account_while_down(lab: Lab, _: ObjectKey) -> None:
    """The same while no process runs."""
    _spell_otherwise(lab)
    lab.restart()
    await lab.elapse(_AGAIN_SECONDS)


async def restart(lab: Lab, _: ObjectKey) -> None:
    """Another process takes over."""
    lab.restart()
    await lab.elapse(_AGAIN_SECONDS)


async def unrelated_edit(lab: Lab, key: ObjectKey) -> None:
    """A policy of the object is edited, which the cloud knows nothing of."""
    lab.edit(key, timeouts={"updateSeconds": 700})
    await lab.elapse(_AGAIN_SECONDS)


async def request(lab: Lab, key: ObjectKey) -> None:
    """Somebody asks for another try."""
    lab.annotate(key, reconcile_requested_at="now")
    await lab.elapse(_AGAIN_SECONDS)


async def lost_status(lab: Lab, key: ObjectKey) -> None:
    """The object is restored without its status, while no process runs."""
    lab.cluster.reset_status(key)
    lab.restart()
    await lab.elapse(_AGAIN_SECONDS)


async def earlier_version(lab: Lab, key: ObjectKey) -> None:
    """A status as a version before us wrote it is all that a new process has."""
    raw = lab.cluster.raw(key)
    assert raw is not None
    lab.cluster.put_status(key, {k: v for k, v in raw["status"].items() if k != "actedOn"})
    lab.restart()
    await lab.elapse(_AGAIN_SECONDS)


async def touched_secret(lab: Lab, _: ObjectKey) -> None:
    """Each Secret that the object refers to is written anew, with the values that it had."""
    server = lab.cluster.server
    for key in [k for k in server.objects if k.kind == "Secret" and k.name != "default-keys"]:
        data = server.get(key)["data"]
        server.delete(key)
        await lab.elapse(5)
        server.create(key, {"data": data})
    await lab.elapse(_AGAIN_SECONDS)


def _spell_otherwise(lab: Lab) -> None:
    account = ObjectKey("Account", "team-a", "default")
    lab.edit(account, compatibility={"endpointWeights": "Percent"})


async def _faulty(lab: Lab, fault: Mapping[str, object], seconds: float) -> None:
    lab.simulator.inject(Fault.model_validate(fault))
    await lab.elapse(seconds)
    lab.simulator.clear_faults()
    await lab.elapse(_AGAIN_SECONDS)


WAKES: Mapping[str, Wake] = {
    wake.__name__: wake
    for wake in (
        recovered_keys,
        recovered_cloud,
        restored_secret,
        account_back,
        edited_account,
        edited_account_while_down,
        restart,
        unrelated_edit,
        request,
        lost_status,
        earlier_version,
        touched_secret,
    )
}
