"""Refusals as they go over the wire.

    ServiceError       written by AgentRun: `{"code", "requestId", "message"}`
    └── GatewayError   written by the gateway before it: `{"Code", "Message", "RequestId", …}`

Source: control-plane reference, §4.2 and §2.5.
"""

from collections.abc import Mapping
from typing import Any

PERMISSION_CODES = frozenset({"NoPermission", "Forbidden.RAM"})
"""Gateway codes that come with an `AccessDeniedDetail`."""


class ServiceError(Exception):
    """A refusal by AgentRun with its HTTP status, code, message and extra headers."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def body(self, *, request_id: str, host: str, action: str) -> dict[str, Any]:
        """Return the lower-case document of the service."""
        del host, action
        return {"code": self.code, "requestId": request_id, "message": self.message}


class GatewayError(ServiceError):
    """A refusal by the gateway in front of AgentRun."""

    def body(self, *, request_id: str, host: str, action: str) -> dict[str, Any]:
        """Return the capitalised document of the gateway."""
        document: dict[str, Any] = {
            "Code": self.code,
            "Message": self.message,
            "RequestId": request_id,
            "HostId": host,
            "Recommend": f"https://api.aliyun.com/troubleshoot?q={self.code}",
        }
        if self.code in PERMISSION_CODES:
            document["AccessDeniedDetail"] = {
                "AuthAction": f"agentrun:{action}",
                "AuthPrincipalType": "SubUser",
                "NoPermissionType": "ImplicitDeny",
                "PolicyType": "AccountLevelIdentityBasedPolicy",
            }
        return document


def bad_request(message: str) -> ServiceError:
    """Return 400 for a request that is malformed or comes in the wrong state."""
    return ServiceError(400, "ERR_BAD_REQUEST", message)


def invalid(message: str) -> ServiceError:
    """Return 400 for fields that fail validation."""
    return ServiceError(400, "ERR_VALIDATION_FAILED", message)


def not_found(noun: str, key: str) -> ServiceError:
    """Return 404 in the wording that the official SDK recognises."""
    return ServiceError(404, "ERR_NOT_FOUND", f"{noun} {key} not found")


def conflict(message: str) -> ServiceError:
    """Return 409; the code is ours, the reference attests none."""
    return ServiceError(409, "ERR_CONFLICT", message)


def already_exists(noun: str, name: str, status: int) -> ServiceError:
    """Return the refusal of a duplicate name with the status its family answers."""
    codes = {400: "ERR_BAD_REQUEST", 409: "ERR_CONFLICT"}
    return ServiceError(
        status,
        codes.get(status, "ERR_INTERNAL_SERVER_ERROR"),
        f"{noun} {name} already exists",
    )


def quota_exceeded(noun: str, limit: int) -> ServiceError:
    """Return 403; code and wording are ours, the reference has no quotas."""
    return ServiceError(403, "ERR_QUOTA_EXCEEDED", f"the quota of {limit} {noun}s is exceeded")


def unknown_api() -> GatewayError:
    """Return the gateway's answer to a path or method it does not know."""
    return GatewayError(
        404,
        "InvalidAction.NotFound",
        "Specified api is not found, please check your url and method.",
    )
