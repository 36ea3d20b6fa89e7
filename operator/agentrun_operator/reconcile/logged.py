"""Which keys a line of the log carries: of the object it is about, and of the pass within which.

The names are those of controller-runtime, so that queries for other operators work.
"""

import uuid
from contextlib import AbstractContextManager

from structlog.contextvars import bound_contextvars

from agentrun_operator.core.identity import GROUP, ObjectKey


def keys_of(key: ObjectKey) -> dict[str, str]:
    """Return the keys of a line about an object, for lines outside of its passes."""
    return {
        "controller": key.kind.lower(),
        "controllerGroup": GROUP,
        "controllerKind": key.kind,
        "namespace": key.namespace,
        "name": key.name,
    }


def one_pass(key: ObjectKey, account: ObjectKey | None) -> AbstractContextManager[None]:
    """Put the object, its account and an id of this pass on every line within, of libraries too."""
    used = key if key.is_account else account
    found = {} if used is None else {"account": str(used)}
    return bound_contextvars(**keys_of(key), **found, reconcileID=str(uuid.uuid4()))


def for_account(account: ObjectKey) -> AbstractContextManager[None]:
    """Put an account on every line within, for calls that serve no object in particular."""
    return bound_contextvars(account=str(account))


def decided_by(row: str) -> AbstractContextManager[None]:
    """Put the row of the decision tables on every line within: why a call is sent."""
    return bound_contextvars(row=row)
