"""Objects that admission would refuse today, stored before the rule that they break."""

import pytest

from agentrun_operator.reconcile.ports import Json
from fakes.cloud import MAIN
from fakes.lab import Lab, account_spec
from unit.reconcile.specs import SERVICE


@pytest.mark.parametrize(
    ("spoilt", "path"),
    [
        ({"credentials": {"secretRef": "keys"}}, "spec.credentials.secretRef"),
        ({"credentials": []}, "spec.credentials"),
        ({"requestsPerSecond": "fast"}, "spec.requestsPerSecond"),
        ({"accountId": None}, "spec.accountId"),
        ({"compatibility": "yes"}, "spec.compatibility"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_account_that_makes_no_sense_says_which_field(spoilt: Json, path: str) -> None:
    lab = Lab()
    key = lab.cluster.apply("Account", "default", {**account_spec("keys"), **spoilt})
    await lab.elapse(120)
    assert lab.ready(key) == ("False", "InvalidParameter")
    assert path in lab.message(key)
    assert lab.calls.names == ["add_finalizer", "write_status"]


async def test_such_an_account_disturbs_nobody_who_claims_the_same_name_elsewhere() -> None:
    lab = Lab()
    await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": "t"})
    lab.cluster.apply("Account", "broken", {"region": "cn-hangzhou"})
    older = {**SERVICE, "externalName": "shared", "accountRef": {"name": "broken"}}
    lab.cluster.apply("ModelService", "older", older)
    key = lab.cluster.apply("ModelService", "younger", {**SERVICE, "externalName": "shared"})
    await lab.elapse(30)
    assert lab.ready(key) == ("True", "Available")
    assert MAIN.account_id == lab.get(key).status["account"]["accountId"]
