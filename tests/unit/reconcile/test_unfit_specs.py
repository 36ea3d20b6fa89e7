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


@pytest.mark.parametrize(
    "spoilt",
    [{"credentials": []}, {"accountId": None}, {"region": 5}, {"compatibility": "yes"}],
    ids=lambda value: next(iter(value)),
)
async def test_an_account_that_was_spoilt_under_its_users_ends_nothing(
    spoilt: Json, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = Lab()
    account = await lab.ready_account()
    lab.cluster.put_secret("keys", {"token": "t"})
    users = [lab.cluster.apply("ModelService", f"svc-{n}", SERVICE) for n in range(6)]
    await lab.elapse(120)
    assert {lab.ready(key) for key in users} == {("True", "Available")}
    lab.cluster.edit(account, spec={**lab.get(account).spec, **spoilt})
    await lab.elapse(180)
    assert lab.ready(account) == ("False", "InvalidParameter")
    lab.cluster.delete(users[0])
    await lab.elapse(60)
    assert capsys.readouterr().out == "", "nothing is logged as an error"
    assert {lab.ready(key)[1] for key in users[1:]} == {"DependencyNotReady"}
