"""From an answer to the classes of `core.errors`: one table, first match wins.

Status and code decide; text decides only where the API gives nothing else, and then the row says
who saw it. Messages are our own words. Those of the API stay sealed beside them, because a
validation error may quote the secret it refuses, and only where somebody can know what they quote:
an answer about one object. Signature errors quote the request's headers, tokens included, and what
is refused for the whole account is repeated to others of its objects, so their text is not kept.

The request id travels as an attribute and not in the text: it differs each time, and whoever writes
it into a condition has to see to it that not each try is a status write.

Evidence tags are those of the control-plane reference, §0: [S] agentrun-sdk, [C] agentrun-cli,
[K] ecctl, [E] recorded end-to-end tests, [T] the official transport, [?] known of the gateway.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httpx

from agentrun_operator.api import codes
from agentrun_operator.api.exchange import Answer, Call
from agentrun_operator.api.pauses import ACS_RETRY_AFTER, MAX_PAUSE_SECONDS, asked_pause
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

NEVER_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
)
"""Failures before the first byte of the request. After any other, a write may have been applied."""

_ABSENT: Final = r"not found|does not exist"
_PERMISSION: Final = re.compile(r"agentrun:([A-Za-z]{1,80})")
_SHARED: Final = (AccessDenied, CredentialsInvalid, QuotaExceeded, Throttled)
"""Refusals that other objects of the account hear as well."""
_FIVE_HUNDREDS: Final = 500
_BAD_REQUESTS: Final = range(400, 500)
_REFUSALS: Final = frozenset(_BAD_REQUESTS) - {408}
"""A stranger's statuses after which a write was surely not passed on; 408 may be late."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: when it applies, what it raises, and how we know."""

    evidence: str
    make: Callable[[Call, Answer, str], OperatorError]
    """Takes the call, the answer and a description of it in our own words."""
    statuses: frozenset[int] = frozenset()
    """Empty: any."""
    codes: tuple[str, ...] = ()
    """Prefixes, compared without case; empty: any."""
    text: str | None = None
    """Regular expression searched in the message, without case."""
    methods: frozenset[str] = frozenset()
    """Empty: any."""
    header: str | None = None
    """A header that has to be there."""
    is_quoted: bool = True
    """Whether what the API says helps beside what we say."""
    foreign: bool | None = None
    """True: only answers that are not JSON objects; False: only those that are; None: both."""

    def matches(self, call: Call, answer: Answer) -> bool:
        """Whether every condition of the row holds."""
        code = answer.code.lower()
        return (
            (not self.statuses or answer.status in self.statuses)
            and (not self.codes or code.startswith(tuple(c.lower() for c in self.codes)))
            and (self.text is None or answer.message.has(self.text))
            and (not self.methods or call.method in self.methods)
            and (self.header is None or self.header in answer.headers)
            and (self.foreign is None or self.foreign == (answer.payload is None))
        )


def error_for(call: Call, answer: Answer) -> OperatorError:
    """Translate an answer that is no success.

    Absence (`is_absent`) is a value and has to be asked for first.
    """
    row = next(row for row in TABLE if row.matches(call, answer))
    error = row.make(call, answer, _describe(call, answer))
    error.request_id = answer.request_id
    is_quoted = call.is_of_one and not isinstance(error, _SHARED) and row.is_quoted
    return error.quoting(answer.quote) if is_quoted else error


def is_absent(answer: Answer) -> bool:
    """Whether the API itself says that the resource does not exist.

    A bare 404 proves nothing: a wrong host, a proxy or a gateway without this API answers 404 as
    well, and believing it would create everything a second time.

    Source: control-plane reference, §4.2 (ERR_NOT_FOUND [E]; `not found`, `does not exist` [S]).
    """
    if answer.status != httpx.codes.NOT_FOUND:
        return False
    if _GATEWAY_404.match(answer.code):
        return False
    return answer.code == "ERR_NOT_FOUND" or answer.message.has(_ABSENT)


def unreachable(call: Call, error: Exception) -> Unavailable:
    """Translate a failure of the transport; the message holds no address and no content."""
    maybe_applied = call.is_write and not isinstance(error, NEVER_SENT)
    kind = _TRANSPORT_WORDS.get(type(error), type(error).__name__)
    return Unavailable(
        f"{call.action}: {kind}; check the account's region and endpoint, DNS and network policies",
        maybe_applied=maybe_applied,
    )


def unusable(call: Call, answer: Answer, why: str) -> Unavailable:
    """Make the error of an answer that claims success and holds nothing we can use."""
    return Unavailable(
        f"{call.action}: HTTP {answer.status}, {why}",
        maybe_applied=call.is_write,
        request_id=answer.request_id,
    )


def _describe(call: Call, answer: Answer) -> str:
    return f"{call.action}: HTTP {answer.status} {answer.shown_code}".rstrip()


# ---------------------------------------------------------------- the rows' makers


def _throttled(_call: Call, answer: Answer, text: str) -> OperatorError:
    asked = asked_pause(answer)
    if asked is None or asked <= MAX_PAUSE_SECONDS:
        return Throttled(text, retry_after=asked)
    said = f"{text} (asked to wait {asked:.0f} seconds; trying again after {MAX_PAUSE_SECONDS:.0f})"
    return Throttled(said, retry_after=MAX_PAUSE_SECONDS)


def _keys_refused(_call: Call, answer: Answer, _text: str) -> OperatorError:
    code = answer.shown_code or "keys refused"
    # No word of the call: it was refused for its keys, and so is every other of the account.
    return CredentialsInvalid(
        f"HTTP {answer.status} {code}: the access key is unknown, disabled or does not match its "
        "secret; correct the Secret of the account"
    )


def _clock_skew(_call: Call, _answer: Answer, text: str) -> OperatorError:
    return Unavailable(
        f"{text}; the operator's clock is more than 15 minutes off the cloud's: synchronise the "
        "node's clock"
    )


def _refused_unprocessed(_call: Call, _answer: Answer, text: str) -> OperatorError:
    return Unavailable(text)


def _denied(call: Call, answer: Answer, text: str) -> OperatorError:
    detail = (answer.payload or {}).get("AccessDeniedDetail")
    wanted = detail.get("AuthAction") if isinstance(detail, dict) else None
    named = _PERMISSION.fullmatch(wanted) if isinstance(wanted, str) else None
    if named is None or not codes.is_known(named[1]):
        wanted = f"agentrun:{call.action}"
    return AccessDenied(f"{text}; allow {wanted} in the RAM policy of the account's keys")


def _quota(_call: Call, _answer: Answer, text: str) -> OperatorError:
    return QuotaExceeded(f"{text}; delete what is not needed or ask for a higher quota")


def _taken(_call: Call, _answer: Answer, text: str) -> OperatorError:
    return AlreadyExistsNotOwned(text)


def _busy(_call: Call, _answer: Answer, text: str) -> OperatorError:
    return Busy(text)


def _in_use(_call: Call, _answer: Answer, text: str) -> OperatorError:
    return InUse(f"{text}; it is deleted when nothing in AgentRun uses it any more")


def _names_nothing(_call: Call, _answer: Answer, text: str) -> OperatorError:
    return ReferenceNotFound(f"{text}; the request names something that is not in the account")


def _vanished(_call: Call, _answer: Answer, text: str) -> OperatorError:
    return Unavailable(text)


def _invalid(_call: Call, _answer: Answer, text: str) -> OperatorError:
    return InvalidParameter(text)


def _not_the_api(call: Call, answer: Answer, _text: str) -> OperatorError:
    hint = "" if answer.status >= _FIVE_HUNDREDS else "; check the account's endpoint"
    return Unavailable(
        f"{call.action}: HTTP {answer.status} and no answer of the AgentRun API{hint}",
        maybe_applied=call.is_write and answer.status not in _REFUSALS,
    )


def _unavailable(call: Call, _answer: Answer, text: str) -> OperatorError:
    return Unavailable(text, maybe_applied=call.is_write)


_GATEWAY_404: Final = re.compile(
    r"Invalid(AccessKeyId|Action|Version|Api|Product)|EntityNotExist", re.IGNORECASE
)

TABLE: Final = (
    Row("[T] §4.5", _throttled, codes=("Throttling",)),
    Row("[T] §4.5", _throttled, statuses=frozenset({429})),
    Row(
        "[T] §4.3: with this header any refusal is a throttling; a write's 5xx is no refusal",
        _throttled,
        statuses=frozenset(_BAD_REQUESTS),
        header=ACS_RETRY_AFTER,
    ),
    Row("[T] §4.3", _throttled, methods=frozenset({"GET"}), header=ACS_RETRY_AFTER),
    Row(
        "[?] §2.5",
        _keys_refused,
        codes=(
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "InvalidAccessKeySecret",
            "InvalidSecurityToken",
            "MissingSecurityToken",
            "SecurityTokenExpired",
        ),
    ),
    Row("[?] §2.5", _clock_skew, codes=("InvalidTimeStamp",)),
    Row(
        "[?] §2.5: a nonce is refused before processing",
        _refused_unprocessed,
        codes=("SignatureNonceUsed",),
    ),
    Row("[?] an answer of a proxy or load balancer", _not_the_api, foreign=True),
    Row("[?] §2.5", _keys_refused, statuses=frozenset({401})),
    Row("[C] EntityNotExist.Role: the execution role", _invalid, codes=("EntityNotExist",)),
    Row(
        "[?] §2.5: another API answers here",
        _not_the_api,
        codes=("InvalidAction", "InvalidVersion", "InvalidApi", "InvalidProduct"),
    ),
    Row(
        "[?] Alibaba's usual codes",
        _quota,
        codes=("Quota", "LimitExceed", "ExceedLimit", "ERR_QUOTA"),
    ),
    Row(
        "[?] Alibaba's usual wording",
        _quota,
        statuses=frozenset({400, 403, 409}),
        text="quota",
    ),
    Row(
        "[S] 400, 409 and, for ModelProxy, 500",
        _taken,
        statuses=frozenset({400, 409, 500}),
        text="already exist",
        methods=frozenset({"POST"}),
    ),
    Row(
        "[?] Alibaba's usual codes",
        _taken,
        statuses=frozenset({400, 409}),
        codes=("EntityAlreadyExist", "ERR_ALREADY_EXISTS"),
        methods=frozenset({"POST"}),
    ),
    Row("[?] §2.5", _denied, codes=("NoPermission", "Forbidden", "AccessDenied", "ERR_FORBIDDEN")),
    Row("[?] §2.5", _denied, statuses=frozenset({403})),
    Row(
        "[C] runtime must be in READY status; [K] template is not ready for stop",
        _busy,
        statuses=frozenset({400, 409}),
        text=r"must be in READY status|is not ready for|\b(CREATING|UPDATING|DELETING)\b",
    ),
    Row(
        "[?] a DELETE holds nothing that could be invalid: users of the resource refuse it",
        _in_use,
        statuses=frozenset({400}),
        methods=frozenset({"DELETE"}),
    ),
    Row(
        "[?] the same, as a conflict that says so",
        _in_use,
        statuses=frozenset({409}),
        text=r"in use|used by|referenced|depend|not empty",
        methods=frozenset({"DELETE"}),
    ),
    Row("[?] in transition", _busy, statuses=frozenset({409, 423})),
    Row(
        "[?] the request names a missing resource",
        _names_nothing,
        statuses=frozenset({404}),
        methods=frozenset({"POST"}),
    ),
    Row(
        "[?] the same, seen by a validation",
        _names_nothing,
        statuses=frozenset({400}),
        text=_ABSENT,
        methods=frozenset({"POST", "PUT"}),
    ),
    Row("[S] gone between our look and our write", _vanished, statuses=frozenset({404})),
    Row("[?] the answer came too late", _unavailable, statuses=frozenset({408})),
    Row("[?] another API answers here", _not_the_api, statuses=frozenset({405, 406, 501})),
    Row("[G] ERR_BAD_REQUEST, ERR_VALIDATION_FAILED", _invalid, statuses=frozenset(_BAD_REQUESTS)),
    Row("[G] the service's own failure", _unavailable),
)
"""Every quirk of the API that changes what we do about an answer. The last row matches all."""

_TRANSPORT_WORDS: Final[dict[type[Exception], str]] = {
    httpx.ConnectError: "no connection",
    httpx.ConnectTimeout: "no connection within the time limit",
    httpx.PoolTimeout: "all connections are busy",
    httpx.ReadTimeout: "no answer within the time limit",
    httpx.WriteTimeout: "the request was not taken within the time limit",
    httpx.ReadError: "the connection broke before the answer was complete",
    httpx.WriteError: "the connection broke while sending",
    httpx.RemoteProtocolError: "the connection was closed without an answer",
    TimeoutError: "no answer within the time limit",
}
