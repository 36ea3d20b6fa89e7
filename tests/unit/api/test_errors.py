"""One row per answer: which class it becomes, and what its message may and may not show."""

import json
from collections.abc import Iterator

import httpx
import pytest

from agentrun_operator.api.errors import NEVER_SENT, error_for, is_absent, unreachable
from agentrun_operator.api.exchange import Answer, Call
from agentrun_operator.core.errors import (
    AccessDenied,
    AlreadyExistsNotOwned,
    Busy,
    CredentialsInvalid,
    InUse,
    InvalidParameter,
    OperatorError,
    QuotaExceeded,
    ReferenceNotFound,
    Throttled,
    Unavailable,
)
from fakes.gate import quoted

CANARY = "sk-canary-5f1c"
CREATE = Call(
    "CreateModelProxy",
    "POST",
    "/2025-09-10/agents/model-proxies",
    body={"modelProxyName": "chat", "proxyConfig": {"apiKey": CANARY}},
    is_of_one=True,
)
GET = Call("GetModelProxy", "GET", "/2025-09-10/agents/model-proxies/chat")
PUT = Call("UpdateModelProxy", "PUT", "/2025-09-10/agents/model-proxies/chat", body={"a": "b"})
DELETE = Call("DeleteModelProxy", "DELETE", "/2025-09-10/agents/model-proxies/chat")


def service(status: int, code: str, message: str, **headers: str) -> Answer:
    body = {"code": code, "message": message, "requestId": "req-1"}
    return Answer(status, httpx.Headers(headers), json.dumps(body).encode())


def gateway(status: int, code: str, message: str = "m", **extra: object) -> Answer:
    body = {
        "Code": code,
        "Message": message,
        "RequestId": "1-68a4c2e7-1f0d-0a2b4c6d8e0f",
        "HostId": "h",
        **extra,
    }
    return Answer(status, httpx.Headers(), json.dumps(body).encode())


def raw(status: int, body: bytes, **headers: str) -> Answer:
    return Answer(status, httpx.Headers(headers), body)


PAUSE = {"x-acs-retry-after": "1000"}
HTML = b"<html><h1>502 Bad Gateway</h1></html>"

ROWS: list[tuple[str, Call, Answer, type[OperatorError]]] = [
    (
        "duplicate proxy",
        CREATE,
        service(500, "ERR_INTERNAL_SERVER_ERROR", "model proxy chat already exists"),
        AlreadyExistsNotOwned,
    ),
    (
        "duplicate, 409",
        CREATE,
        service(409, "ERR_CONFLICT", "chat already exists"),
        AlreadyExistsNotOwned,
    ),
    (
        "duplicate, 400",
        CREATE,
        service(400, "ERR_BAD_REQUEST", "chat already exists"),
        AlreadyExistsNotOwned,
    ),
    (
        "already exists on an update",
        PUT,
        service(500, "ERR_INTERNAL_SERVER_ERROR", "x already exists"),
        Unavailable,
    ),
    ("no permission", CREATE, gateway(403, "NoPermission"), AccessDenied),
    ("RAM", CREATE, gateway(403, "Forbidden.RAM"), AccessDenied),
    ("forbidden, service code", GET, service(403, "ERR_FORBIDDEN", "no"), AccessDenied),
    ("bare 403", GET, service(403, "", ""), AccessDenied),
    (
        "unknown key",
        GET,
        gateway(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."),
        CredentialsInvalid,
    ),
    ("disabled key", GET, gateway(400, "InvalidAccessKeyId.Inactive"), CredentialsInvalid),
    ("wrong secret", GET, gateway(400, "SignatureDoesNotMatch"), CredentialsInvalid),
    ("expired token", GET, gateway(400, "InvalidSecurityToken.Expired"), CredentialsInvalid),
    ("bare 401", GET, service(401, "", ""), CredentialsInvalid),
    ("clock", GET, gateway(400, "InvalidTimeStamp.Expired"), Unavailable),
    ("nonce", CREATE, gateway(400, "SignatureNonceUsed"), Unavailable),
    ("429", CREATE, service(429, "", "slow down"), Throttled),
    ("429 of a proxy", CREATE, raw(429, HTML), Throttled),
    ("throttling by code", CREATE, gateway(400, "Throttling.User"), Throttled),
    ("throttling names a quota", CREATE, gateway(400, "Throttling.Api", "quota"), Throttled),
    ("a refusal with a pause", CREATE, service(400, "X", "m", **PAUSE), Throttled),
    ("a read with a pause", GET, service(503, "X", "m", **PAUSE), Throttled),
    ("a write with a pause", CREATE, service(503, "X", "m", **PAUSE), Unavailable),
    ("quota by code", CREATE, gateway(400, "QuotaExceeded.ModelProxy"), QuotaExceeded),
    ("quota by text", CREATE, service(403, "ERR_FORBIDDEN", "proxy quota reached"), QuotaExceeded),
    (
        "runtime not READY",
        CREATE,
        service(400, "ERR_BAD_REQUEST", "runtime must be in READY status"),
        Busy,
    ),
    (
        "template not ready",
        PUT,
        service(
            400, "ERR_BAD_REQUEST", "template is not ready for stop, current MCP status is CREATING"
        ),
        Busy,
    ),
    ("in transition", PUT, service(400, "ERR_BAD_REQUEST", "x is in UPDATING status"), Busy),
    ("in use", DELETE, service(400, "ERR_BAD_REQUEST", "chat has endpoints"), InUse),
    ("busy", DELETE, service(409, "ERR_CONFLICT", "operation in progress"), Busy),
    ("in use, as a conflict", DELETE, service(409, "ERR_CONFLICT", "x is in use by y"), InUse),
    ("not empty", DELETE, service(409, "ERR_CONFLICT", "the workspace is not empty"), InUse),
    ("conflict", PUT, service(409, "ERR_CONFLICT", "operation in progress"), Busy),
    (
        "validation",
        CREATE,
        service(400, "ERR_VALIDATION_FAILED", "CPU is required; Memory is required"),
        InvalidParameter,
    ),
    ("unprocessable", PUT, service(422, "", "no"), InvalidParameter),
    (
        "role missing",
        CREATE,
        gateway(404, "EntityNotExist.Role", "The role not exists"),
        InvalidParameter,
    ),
    (
        "create names a missing thing",
        CREATE,
        service(404, "ERR_NOT_FOUND", "template t not found"),
        ReferenceNotFound,
    ),
    (
        "an update names a missing thing",
        PUT,
        service(400, "ERR_VALIDATION_FAILED", "credential k does not exist"),
        ReferenceNotFound,
    ),
    ("vanished under an update", PUT, service(404, "ERR_NOT_FOUND", "chat not found"), Unavailable),
    ("another API", GET, gateway(404, "InvalidAction.NotFound"), Unavailable),
    ("404 of a web server", GET, raw(404, b"<html>not found</html>"), Unavailable),
    ("HTML 502", CREATE, raw(502, HTML), Unavailable),
    ("empty 500", CREATE, raw(500, b""), Unavailable),
    ("503", CREATE, gateway(503, "ServiceUnavailable"), Unavailable),
    ("redirect", GET, raw(302, b"", location="https://evil.example/?token=x"), Unavailable),
    ("HTML 200", CREATE, raw(200, HTML), Unavailable),
    (
        "200 with an error code",
        CREATE,
        service(200, "ERR_INTERNAL_SERVER_ERROR", "oops"),
        Unavailable,
    ),
    ("JSON that is no object", GET, raw(200, b"[1]"), Unavailable),
    ("method not allowed", PUT, service(405, "", ""), Unavailable),
]


@pytest.mark.parametrize(
    ("call", "answer", "expected"), [pytest.param(*row[1:], id=row[0]) for row in ROWS]
)
def test_answer_becomes(call: Call, answer: Answer, expected: type[OperatorError]) -> None:
    assert not answer.is_success
    assert type(error_for(call, answer)) is expected


@pytest.mark.parametrize(
    ("call", "answer", "maybe_applied"),
    [
        pytest.param(CREATE, raw(502, HTML), True, id="a write behind a broken gateway"),
        pytest.param(CREATE, raw(200, HTML), True, id="a write answered by a stranger"),
        pytest.param(CREATE, service(500, "ERR_INTERNAL_SERVER_ERROR", "x"), True, id="failed"),
        pytest.param(DELETE, raw(504, b""), True, id="a delete counts as a write"),
        pytest.param(GET, raw(502, HTML), False, id="a read"),
        pytest.param(CREATE, gateway(400, "InvalidTimeStamp.Expired"), False, id="refused: clock"),
        pytest.param(CREATE, gateway(400, "SignatureNonceUsed"), False, id="refused: nonce"),
        pytest.param(CREATE, raw(408, HTML), True, id="a stranger lost patience"),
        pytest.param(CREATE, raw(404, HTML), False, id="refused by a stranger"),
    ],
)
def test_a_lost_write_is_marked(
    call: Call,
    answer: Answer,
    maybe_applied: bool,  # noqa: FBT001  a column of the table
) -> None:
    error = error_for(call, answer)
    assert isinstance(error, Unavailable)
    assert error.maybe_applied is maybe_applied


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(service(404, "ERR_NOT_FOUND", ""), True, id="by code"),
        pytest.param(service(404, "", "agent runtime rt-1 not found"), True, id="not found"),
        pytest.param(service(404, "X", "chat does not exist"), True, id="does not exist"),
        pytest.param(raw(404, b"<html>not found</html>"), False, id="a web server's 404"),
        pytest.param(raw(404, b""), False, id="an empty 404"),
        pytest.param(service(404, "", ""), False, id="a 404 that says nothing"),
        pytest.param(gateway(404, "InvalidAccessKeyId.NotFound", "key not found"), False, id="key"),
        pytest.param(gateway(404, "InvalidAction.NotFound", "not found"), False, id="wrong API"),
        pytest.param(service(500, "ERR_NOT_FOUND", "x not found"), False, id="no 404"),
    ],
)
def test_absence_is_believed_only_from_the_api(answer: Answer, expected: bool) -> None:  # noqa: FBT001
    assert is_absent(answer) is expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"x-acs-retry-after": "1500"}, 1.5, id="milliseconds"),
        pytest.param({"retry-after": "7"}, 7.0, id="seconds"),
        pytest.param({"x-acs-retry-after": "2000", "retry-after": "9"}, 2.0, id="ours wins"),
        pytest.param(
            {
                "retry-after": "Thu, 15 Jan 2026 08:00:30 GMT",
                "date": "Thu, 15 Jan 2026 08:00:00 GMT",
            },
            30.0,
            id="a date, by the cloud's clock",
        ),
        pytest.param({"retry-after": "86400"}, 300.0, id="capped"),
        pytest.param({"x-acs-retry-after": "9" * 5000}, 300.0, id="beyond all numbers"),
        pytest.param(
            {
                "retry-after": "Fri, 31 Dec 9999 23:59:59 -1200",
                "date": "Mon, 01 Jan 0001 00:00:00 +1200",
            },
            300.0,
            id="dates beyond the calendar",
        ),
        pytest.param({"retry-after": "soon"}, None, id="nonsense"),
        pytest.param({"retry-after": "-1"}, None, id="negative"),
        pytest.param({"x-acs-retry-after": "0"}, None, id="zero"),
        pytest.param({}, None, id="absent"),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    error = error_for(GET, raw(429, b"", **headers))
    assert isinstance(error, Throttled)
    assert error.retry_after == seconds
    assert ("trying again after 300" in error.message) == (seconds == 300)


def test_a_pause_that_is_cut_tells_what_was_asked_for() -> None:
    error = error_for(GET, raw(429, b"", **{"retry-after": "86400"}))
    assert "asked to wait 86400 seconds; trying again after 300" in error.message


def _subclasses(parent: type[Exception]) -> Iterator[type[Exception]]:
    for child in parent.__subclasses__():
        if child.__module__.startswith("httpx"):
            yield child
            yield from _subclasses(child)


@pytest.mark.parametrize("failure", sorted(_subclasses(httpx.RequestError), key=str))
def test_every_failure_of_the_transport_is_unavailable(failure: type[Exception]) -> None:
    """Whatever httpx grows: unknown failures of a write count as perhaps applied."""
    error = unreachable(CREATE, failure(f"to https://h/?{CANARY}"))
    assert error.maybe_applied is (not issubclass(failure, NEVER_SENT))
    assert CANARY not in str(error)
    assert not unreachable(GET, failure("x")).maybe_applied


def test_the_api_s_words_are_sealed_beside_ours() -> None:
    answer = service(400, "ERR_VALIDATION_FAILED", f'chat: apiKey "{CANARY}" is malformed')
    error = error_for(CREATE, answer)
    assert str(error) == "CreateModelProxy: HTTP 400 ERR_VALIDATION_FAILED"
    assert CANARY not in f"{error!r}{vars(error)}{answer!r}{answer.message!r}"
    assert quoted(error, CANARY) == 'chat: apiKey "(secret)" is malformed'


def test_what_is_said_to_a_list_is_not_kept() -> None:
    """It may quote any resource of the account, and nobody knows the values of all."""
    call = Call("ListModelProxies", "GET", "/2025-09-10/agents/model-proxies")
    error = error_for(call, service(400, "ERR_BAD_REQUEST", CANARY))
    assert error.quote is None
    assert str(error) == "ListModelProxies: HTTP 400 ERR_BAD_REQUEST"


@pytest.mark.parametrize(
    "answer",
    [
        service(429, "ERR_THROTTLED", CANARY),
        service(403, "ERR_FORBIDDEN", CANARY),
        service(401, "ERR_UNAUTHORIZED", CANARY),
        service(400, "ERR_QUOTA_EXCEEDED", CANARY),
    ],
    ids=lambda answer: str(answer.code),
)
def test_what_other_objects_hear_as_well_is_not_kept(answer: Answer) -> None:
    assert error_for(CREATE, answer).quote is None


def test_signature_errors_are_not_quoted() -> None:
    """The gateway quotes the canonical request, with the security token in it."""
    answer = gateway(400, "SignatureDoesNotMatch", f"server string: x-acs-security-token:{CANARY}")
    text = str(error_for(GET, answer))
    assert CANARY not in text
    assert "correct the Secret" in text


def test_denied_names_the_permission_to_grant() -> None:
    detail = {"AuthAction": "agentrun:CreateModelProxy", "NoPermissionType": "ImplicitDeny"}
    answer = gateway(403, "NoPermission", "You are not authorized.", AccessDeniedDetail=detail)
    error = error_for(CREATE, answer)
    assert "NoPermission; allow agentrun:CreateModelProxy in the RAM policy" in str(error)
    assert "allow agentrun:GetModelProxy" in str(error_for(GET, gateway(403, "Forbidden.RAM")))


def test_denied_names_no_permission_that_nobody_knows() -> None:
    detail = {"AuthAction": "agentrun:CorrectHorseBatteryStaple"}
    error = error_for(CREATE, gateway(403, "NoPermission", "No.", AccessDeniedDetail=detail))
    assert "Horse" not in str(error)
    assert "allow agentrun:CreateModelProxy" in str(error)


def test_clock_skew_says_what_to_do() -> None:
    assert "synchronise the node's clock" in str(
        error_for(GET, gateway(400, "InvalidTimeStamp.Expired"))
    )


@pytest.mark.parametrize("code", ["<script>", CANARY, "Hunter22hunter", "A" * 90, "ERR_4711"])
def test_a_code_that_is_no_word_is_not_shown(code: str) -> None:
    assert str(error_for(GET, service(400, code, "m"))) == "GetModelProxy: HTTP 400"


def test_request_id_travels_beside_the_message() -> None:
    error = error_for(GET, gateway(403, "NoPermission"))
    assert error.request_id == "1-68a4c2e7-1f0d-0a2b4c6d8e0f"
    assert "1-68a4c2e7-1f0d-0a2b4c6d8e0f" not in str(error)
    by_header = raw(500, b"", **{"x-acs-request-id": "0A1B2C3D-0001-4000-8000-0123456789AB"})
    assert error_for(GET, by_header).request_id == "0A1B2C3D-0001-4000-8000-0123456789AB"


@pytest.mark.parametrize(
    "odd", ["canary-4711", "sk-live-0a1b2c", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"]
)
def test_what_is_no_request_id_is_not_kept(odd: str) -> None:
    assert error_for(GET, raw(500, b"", **{"x-acs-request-id": odd})).request_id is None


def test_a_redirect_does_not_show_where_to() -> None:
    answer = raw(302, b"", location="https://evil.example/?token=x")
    assert "evil" not in str(error_for(GET, answer))
