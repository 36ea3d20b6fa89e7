"""GetCallerIdentity as the official transport asks it, and as our client does."""

from typing import Any

import pytest
from alibabacloud_tea_openapi.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.utils_models import Config, OpenApiRequest, Params
from darabonba.runtime import RuntimeOptions

from agentrun_simulator.server import serve
from agentrun_simulator.settings import DEMO_ACCOUNT, Account, Settings
from agentrun_simulator.simulator import Simulator

OTHER = Account.model_validate(
    {"accountId": "222", "accessKeyId": "other-id", "accessKeySecret": "other-secret"}
)
TEMPORARY = Account.model_validate(
    {
        "accountId": "222",
        "accessKeyId": "STS.other-id",
        "accessKeySecret": "temporary-secret",
        "securityToken": "temporary-token",
    }
)
GET_CALLER_IDENTITY = Params(
    action="GetCallerIdentity",
    version="2015-04-01",
    protocol="HTTP",
    pathname="/",
    method="POST",
    auth_type="AK",
    style="RPC",
    req_body_type="formData",
    body_type="json",
)
"""What the generated client of the token service passes to its transport."""


def asked(url: str, account: Account) -> Any:
    token = account.security_token
    client = Client(
        Config(
            endpoint=url.removeprefix("http://"),
            protocol="http",
            access_key_id=account.access_key_id,
            access_key_secret=account.access_key_secret.get_secret_value(),
            security_token=token.get_secret_value() if token else None,
        )
    )
    return client.call_api(GET_CALLER_IDENTITY, OpenApiRequest(), RuntimeOptions())["body"]


@pytest.mark.parametrize(
    ("account", "kind", "named"),
    [(DEMO_ACCOUNT, "RAMUser", "UserId"), (TEMPORARY, "AssumedRoleUser", "RoleId")],
    ids=["a user's key", "a role's key"],
)
def test_the_official_transport_learns_whose_keys_it_has(
    account: Account, kind: str, named: str
) -> None:
    simulator = Simulator(Settings(accounts=(DEMO_ACCOUNT, OTHER, TEMPORARY)))
    with serve(simulator) as url:
        answer = asked(url, account)
    assert answer["AccountId"] == account.account_id
    assert answer["IdentityType"] == kind
    assert answer[named]
    assert answer["Arn"].startswith(f"acs:ram::{account.account_id}:")
    [entry] = simulator.requests()
    assert (entry["action"], entry["account"]) == ("GetCallerIdentity", account.account_id)


def test_wrong_keys_are_refused_as_everywhere() -> None:
    with serve(Simulator()) as url, pytest.raises(ClientException) as refused:
        asked(url, OTHER)
    assert refused.value.code == "InvalidAccessKeyId.NotFound"
