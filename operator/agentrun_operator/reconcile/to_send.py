"""What a pass has to send, beside what a look shows to differ."""

from dataclasses import dataclass, field

from agentrun_operator.reconcile.ports import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """Under `driftPolicy` Report or Ignore: what was edited since the spec was last acted on."""

    paths: frozenset[str]
    """Of the values that were edited, or went: each as `Leaf.public_path`."""
    values: dict[str, bytes] = field(repr=False)
    """Digest of each value of the spec, by the same path."""
    record: Json
    """`status.actedOn` once this spec is acted on."""
