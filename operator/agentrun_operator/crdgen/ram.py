"""The RAM actions that the operator uses, from the kinds' Rest mappings.

The control plane names the action of an operation `agentrun:<Operation>`.
Source: control-plane reference, §2.5.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from agentrun_operator.core.dependencies import kinds_of_versions
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.crdgen.render import MARK

SERVICE: Final = "agentrun"
PROBE: Final = f"{SERVICE}:ListAgentRuntimes"
"""What an Account calls to prove that its keys are accepted."""


def read_actions(kind: ResourceKind) -> tuple[str, ...]:
    """Return the actions that reading a kind takes; a local kind only proves its keys."""
    rest = kind.rest
    if rest is None:
        return (PROBE,)
    return (*_actions(f"Get{rest.noun}", f"List{rest.nouns}"), *_version_actions(kind))


def _reference_actions(kind: ResourceKind, kinds: Mapping[str, ResourceKind]) -> tuple[str, ...]:
    """Return the actions that show whether a version exists which a spec names by its number."""
    named = (kinds[name] for name in kinds_of_versions(kind) if name in kinds)
    return tuple(action for each in named for action in _version_actions(each))


def write_actions(kind: ResourceKind) -> tuple[str, ...]:
    """Return the actions that managing a kind takes beside reading it."""
    rest = kind.rest
    if rest is None:
        return ()
    update = (f"Update{rest.noun}",) if rest.updatable else ()
    verbs = (verb.action for verb in rest.verbs.values())
    publish = (rest.versions.create_operation,) if rest.versions else ()
    return _actions(rest.create_operation, *update, f"Delete{rest.noun}", *verbs, *publish)


def policy(kinds: Iterable[ResourceKind]) -> Mapping[str, Any]:
    """Return the policy document of a RAM user or role that manages the given kinds."""
    actions = {action for kind in kinds for action in (*read_actions(kind), *write_actions(kind))}
    return {
        "Version": "1",
        "Statement": [{"Effect": "Allow", "Action": sorted(actions | {PROBE}), "Resource": "*"}],
    }


def policy_text(kinds: Iterable[ResourceKind]) -> str:
    """Return the policy document as a file."""
    return json.dumps(policy(kinds), indent=2) + "\n"


def policy_page(kinds: Iterable[ResourceKind]) -> str:
    """Return the reference page that says which kind needs which actions."""
    by_name = {kind.kind: kind for kind in kinds}
    rows = "".join(_row(kind, by_name) for kind in by_name.values())
    return (
        f"<!-- {MARK}; do not edit -->\n"
        "# RAM actions\n\n"
        "What the keys of an account must be allowed. `managementPolicy: Observe` needs the first "
        "column only. The whole as a policy document: [ram-policy.json](ram-policy.json).\n\n"
        f"| kind | to read | to manage |\n| --- | --- | --- |\n{rows}"
    )


def _row(kind: ResourceKind, kinds: Mapping[str, ResourceKind]) -> str:
    to_manage = (*write_actions(kind), *_reference_actions(kind, kinds))
    return f"| {kind.kind} | {_listed(read_actions(kind))} | {_listed(to_manage)} |\n"


def _version_actions(kind: ResourceKind) -> tuple[str, ...]:
    versions = kind.rest.versions if kind.rest is not None else None
    return _actions(f"List{versions.nouns}") if versions is not None else ()


def _actions(*operations: str) -> tuple[str, ...]:
    return tuple(f"{SERVICE}:{operation}" for operation in operations)


def _listed(actions: tuple[str, ...]) -> str:
    return ", ".join(f"`{action}`" for action in actions) or "–"
