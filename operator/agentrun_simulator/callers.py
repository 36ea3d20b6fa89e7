"""GetCallerIdentity: the token service says whose keys signed a request.

Any valid keys may ask; no permission is needed, and so no denial of the settings applies.

Source: control-plane reference, §11; help page of the operation for the answer's fields [H].
"""

import hashlib
from typing import Any

from agentrun_simulator.settings import Account
from agentrun_simulator.signature import SignedRequest

ACTION = "GetCallerIdentity"
VERSION = "2015-04-01"


def is_asked(request: SignedRequest) -> bool:
    """Return whether a request asks in the style that names the operation in its headers."""
    named = request.headers.get("x-acs-action"), request.headers.get("x-acs-version")
    return request.raw_path in ("/", "") and named == (ACTION, VERSION)


def identity_of(account: Account) -> dict[str, Any]:
    """Return the answer's fields for a key: a RAM user's, or those of an assumed role."""
    key, owner = account.access_key_id, account.account_id
    principal = _number(key)
    if key.startswith("STS."):
        return {
            "IdentityType": "AssumedRoleUser",
            "AccountId": owner,
            "PrincipalId": f"{principal}:session",
            "RoleId": principal,
            "Arn": f"acs:ram::{owner}:assumed-role/simulated/session",
        }
    return {
        "IdentityType": "RAMUser",
        "AccountId": owner,
        "PrincipalId": principal,
        "UserId": principal,
        "Arn": f"acs:ram::{owner}:user/simulated-{principal[-4:]}",
    }


def _number(access_key_id: str) -> str:
    """Return the same 18 digits for a key each time; the key itself stays out of the answer."""
    digest = hashlib.sha256(access_key_id.encode()).digest()
    return "2" + str(int.from_bytes(digest[:8]) % 10**17).zfill(17)
