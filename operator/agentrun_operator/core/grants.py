"""What the owner of a shared account lets a namespace reach that its own objects did not make.

Everything is off until an entry of `allow` grants it. What is compared here is plain text: whose
something is, and whether an account is shared at all, is found out elsewhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, get_args

from pydantic import Field

from agentrun_operator.core.fields import BARE_TEXT, Form, GrantName, SpecModel
from agentrun_operator.core.forms import NamespaceName

EXTERNAL_REFERENCES: GrantName = "externalReferences"
ADOPTION: GrantName = "adoption"
FORCE: GrantName = "force"
OBSERVE: GrantName = "observe"
EXECUTION_ROLES: GrantName = "executionRoles"
WORKSPACES: GrantName = "workspaces"
GRANTS: tuple[GrantName, ...] = get_args(GrantName)

_MAX_TOLD = 128
"""Of a name in a message."""


class NamespaceSelector(SpecModel):
    """Namespaces by their labels."""

    match_labels: Annotated[
        dict[
            Annotated[str, Field(max_length=317)],
            Annotated[str, Field(max_length=63)],
        ],
        Field(min_length=1, max_length=16),
    ]
    """Labels that a namespace must carry, all of them."""


class Allowance(SpecModel):
    """Something that namespaces may reach although their own objects did not make it."""

    namespaces: Annotated[tuple[NamespaceName, ...], Field(max_length=64)] = ()
    """Namespaces that may, by name, at most 64."""
    namespace_selector: NamespaceSelector | None = None
    """Namespaces that may, by their labels."""
    grants: Annotated[tuple[GrantName, ...], Field(min_length=1, max_length=6)]
    """What they may: externalReferences (name it by `externalName` in a reference), adoption (take
    over what carries nobody's mark), force (take over what is another owner's, with
    `agentrun.dev/adopt=force`; includes adoption), observe (read it with `managementPolicy:
    Observe`), executionRoles (hand a RAM role to what they run), workspaces (create in a workspace
    by its id, or by a reference to one that they did not make; adopt one)."""
    kinds: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]*$", max_length=63)], ...],
        Field(max_length=16),
    ] = ()
    """Kinds of what is reached; for roles and workspaces the kinds that may use them. Empty: all
    kinds."""
    names: Annotated[
        tuple[
            Annotated[
                str,
                Field(min_length=1, max_length=512),
                Form(BARE_TEXT, "must be a pattern without blanks", ("shared-*", "team-?")),
            ],
            ...,
        ],
        Field(max_length=64),
    ] = ()
    """Patterns of names in AgentRun, at most 64: `*` stands for any text, `?` for one character,
    `[ab]` for one of these. A runtime is known by its id as well, a role by its ARN, a workspace by
    its id. Empty: all names."""

    def concerns(self, namespace: str, labels: Mapping[str, str] | None) -> bool:
        """Whether a namespace is meant; without `labels` only its name counts."""
        if namespace in self.namespaces:
            return True
        if self.namespace_selector is None or labels is None:
            return False
        wanted = self.namespace_selector.match_labels
        return all(labels.get(name) == value for name, value in wanted.items())

    def allows(self, grant: GrantName, kind: str, names: Iterable[str]) -> bool:
        """Whether something of a kind, by one of its names, may be reached."""
        is_granted = grant in self.grants or (grant == ADOPTION and FORCE in self.grants)
        if not is_granted or (self.kinds and kind not in self.kinds):
            return False
        patterns = self.names or ("*",)
        return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Leave:
    """What one namespace may in one account."""

    account: str
    """How the account is called in messages."""
    namespace: str
    remedy: str
    """Whom to ask for what."""
    allowances: tuple[Allowance, ...] | None = None
    """Those that concern the namespace; None: the account is its own, and it may everything."""

    def allows(self, grant: GrantName, kind: str, names: Iterable[str]) -> bool:
        """Whether something of a kind, by one of its names, may be reached."""
        if self.allowances is None:
            return True
        known = tuple(names)
        return any(each.allows(grant, kind, known) for each in self.allowances)

    def refusal(self, grants: str, kind: str, name: str) -> str:
        """Return what is missing, one grant or several, and whom to ask for it."""
        told = name if len(name) <= _MAX_TOLD else f"{name[:_MAX_TOLD]}…"
        return (
            f"{self.account} does not grant {grants} of {kind} {told!r} to namespace "
            f"{self.namespace!r}; {self.remedy}"
        )
