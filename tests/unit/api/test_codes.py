"""Which error codes may be shown by themselves."""

import pytest

from agentrun_operator.api.codes import is_code, is_known
from agentrun_operator.api.errors import TABLE

ORDINARY = [
    "ERR_BAD_REQUEST",
    "ERR_VALIDATION_FAILED",
    "ERR_INTERNAL_SERVER_ERROR",
    "ERR_NOT_FOUND",
    "ERR_FORBIDDEN",
    "ERR_RESOURCE_IN_USE",
    "AuthenticationFail.NoPermission",
    "AuthenticationFail.OIDCToken.Expired",
    "EntityNotExist.OIDCProvider",
    "EntityNotExist.Role",
    "Forbidden.RAM",
    "InvalidAccessKeyId.Inactive",
    "InvalidAccessKeyId.NotFound",
    "InvalidParameter.DurationSeconds",
    "InvalidParameter.RoleSessionName",
    "InvalidSecurityToken.Malformed",
    "InvalidParameter.Format",
    "InvalidTimeStamp.Expired",
    "LimitExceed.Flow",
    "MissingParameter",
    "QuotaExceeded.Proxy",
    "ServiceUnavailable",
    "Throttling.User",
]


@pytest.mark.parametrize("code", [*ORDINARY, *{c for row in TABLE for c in row.codes}])
def test_ordinary_codes_are_known(code: str) -> None:
    assert is_known(code)


@pytest.mark.parametrize(
    "text",
    ["CorrectHorseBatteryStaple", "Abcdefgh.Ijklmnop", "ERR_HORSE", "Forbidden.Staple", "Hunter"],
)
def test_what_only_looks_like_a_code_is_not_known(text: str) -> None:
    assert is_code(text)
    assert not is_known(text)


@pytest.mark.parametrize("text", ["", "first-value-4711", "AccessSecret", "SecretToken", "a b"])
def test_what_may_be_a_secret_is_not_known(text: str) -> None:
    assert not is_known(text)
