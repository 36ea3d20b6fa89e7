"""`secretAccess: get`: nobody tells of a rotated Secret, and each is found at the poll interval."""

from agentrun_operator.core.settings import Settings
from agentrun_simulator.faults import Fault
from engine.specs import CREDENTIAL, PROXY, SAMPLES, made
from fakes.cloud import MAIN, TEMPORARY, keys_of
from fakes.lab import Lab

POLL = 61.0


async def blind() -> Lab:
    """Return a lab with a Ready account, whose operator may not watch Secrets."""
    lab = Lab(Settings(secret_access="get"))
    lab.cluster.reference_changed = lambda *_where: None
    await lab.ready_account()
    return lab


async def test_wrong_and_right_keys_of_an_account_are_noticed() -> None:
    lab = await blind()
    account = lab.cluster.keys()[0]
    lab.cluster.put_secret("default-keys", {"accessKeyId": "main-id", "accessKeySecret": "wrong"})
    await lab.elapse(POLL)
    assert lab.ready(account) == ("False", "CredentialsInvalid")
    lab.cluster.put_secret("default-keys", keys_of(MAIN))
    await lab.elapse(150)
    assert lab.ready(account) == ("True", "Available")


async def test_rotated_keys_are_used_before_the_old_are_disabled() -> None:
    lab = await blind()
    lab.cluster.put_secret("default-keys", keys_of(TEMPORARY))
    await lab.elapse(POLL)
    only = {"accountId": TEMPORARY.account_id, **keys_of(TEMPORARY)}
    lab.simulator.configure({"accounts": [only]})
    lab.cluster.apply("ModelProxy", "it", PROXY)
    await lab.elapse(10)
    assert len(made(lab, SAMPLES["ModelProxy"])) == 1, "made with the new keys"


async def test_an_account_at_rest_asks_the_cloud_nothing() -> None:
    lab = await blind()
    await lab.elapse(1000)
    assert lab.calls.take() == []


async def test_a_refused_create_is_tried_again_with_a_new_value() -> None:
    lab = await blind()
    lab.cluster.put_secret("keys", {"token": "refused-value"})
    fault = {"action": "Create.*", "effect": "error", "status": 400, "code": "ERR", "times": 1}
    lab.simulator.inject(Fault.model_validate(fault))
    key = lab.cluster.apply("Credential", "it", CREDENTIAL)
    await lab.elapse(400)
    assert lab.ready(key) == ("False", "InvalidParameter")
    assert lab.calls.take().count("CreateCredential") == 1
    lab.cluster.put_secret("keys", {"token": "taken-value"})
    await lab.elapse(POLL)
    assert lab.ready(key) == ("True", "Available")


async def test_a_rotated_value_reaches_the_cloud() -> None:
    lab = await blind()
    lab.cluster.put_secret("keys", {"token": "first-value"})
    lab.cluster.apply("Credential", "it", CREDENTIAL)
    await lab.elapse(10)
    lab.cluster.put_secret("keys", {"token": "second-value"})
    await lab.elapse(POLL)
    assert made(lab, SAMPLES["Credential"])[0]["credentialSecret"] == "second-value"
