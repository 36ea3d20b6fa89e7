"""Which error codes are ours to show: those made of words that codes are made of.

Nobody lists the codes of the API, and whoever answers may put anything in their place, such as a
secret of letters. What is not known here is sealed with the rest of what the cloud says.
"""

import re
from typing import Final

_FORM: Final = re.compile(r"(?:[A-Z][A-Za-z]{1,39}|ERR)(?:[._:][A-Za-z]{1,40}){0,6}")
"""What the codes of the service and of the gateway look like: words, and nothing else."""
_SEPARATORS: Final = re.compile(r"[._:]")
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
"""A word of `NoPermission`, `ERR_NOT_FOUND` or `Forbidden.RAM`."""

_WHOLE: Final = frozenset(
    {
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidAccessKeySecret",
        "InvalidSecurityToken",
        "MissingSecurityToken",
        "OIDCToken",
        "SecurityTokenExpired",
        "SignatureDoesNotMatch",
        "SignatureNonceUsed",
    }
)
"""Parts with words that a password may be made of as well, which are known as a whole alone."""
_TEXT: Final = """
    err error errors exception fail failed failure bad illegal invalid incorrect malformed mismatch
    missing required unknown unexpected unsupported supported support allowed allow not no non is
    be must does by in of for to the and or on too many large small long short out over under

    access account action api arrears auth authentication authorization balance denied disabled
    forbidden identity inactive overdue owner permission policy ram role sts unauthorized user
    arn assume audience duration idp issuer metadata oidc provider seconds session trust

    already busy conflict conflicted creating deleted deleting dependency dependent duplicate
    duplicated exist exists existed expired found gone in last locked match modified pending
    precondition processing ready state status transition updating use used version

    argument body config configuration content data field format header id json length method name
    operation param parameter parameters path product query range request service size time stamp
    timestamp type url uri validation value values

    capacity concurrency concurrent exceed exceeded flow frequency insufficient limit limited
    limits max maximum quota rate stock throttled throttling

    backend connection gateway internal overload overloaded server temporarily timeout unavailable
    unreachable upstream

    agent agents artifact base bot browser bucket certificate code collection container credential
    credentials custom definition domain domains endpoint endpoints entity file function group im
    image instance interpreter knowledge memory model models network object proxy region resource
    resources runtime runtimes sandbox sandboxes switch template templates tool tools trigger
    versions vpc vswitch workspace workspaces zone

    create delete get invoke list pass pause publish resume start stop update
"""
_WORDS: Final = frozenset(_TEXT.split())
"""Words of the codes that are attested, and of their like at Alibaba Cloud, in small letters."""


def is_code(text: str) -> bool:
    """Whether a text looks like an error code, which a password may do too."""
    return _FORM.fullmatch(text) is not None


def is_known(text: str) -> bool:
    """Whether a text is an error code, or the name of an operation, and can be nothing else."""
    return is_code(text) and all(
        part in _WHOLE or _is_of_words(part) for part in _SEPARATORS.split(text)
    )


def _is_of_words(part: str) -> bool:
    return all(word.lower() in _WORDS for word in _WORD.findall(part))
