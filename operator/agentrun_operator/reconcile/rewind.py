"""Notices that the cluster was put back to an older state, as by a restored backup of etcd.

Versions of one resource type only grow, and a LIST without a version is as new as anything that was
seen before it began. Where that fails, a watch that continues from a version of the future stays
silent, and every event that arrives is dropped as stale: the process would miss every change.
"""

from collections.abc import Mapping

import structlog

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.reconcile.ports import ClusterRewound, Held, Listed

log = structlog.get_logger(__name__)

REMEDY = (
    "the cluster was put back to an older state, or this is another one; the process ends, so that "
    "a new one lists everything again"
)


class Rewind:
    """Compares each LIST with what was seen before it began; two looks in a row make a verdict.

    Two, because a server that answers from a cache which lags for a moment breaks the same rule.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._newest: dict[str, int] = {}
        """By kind: the highest version of a LIST, or of an object held."""
        self._signs: dict[str, str] = {}
        self._before: dict[str, str] = {}
        """The signs of the last look."""

    @property
    def is_suspected(self) -> bool:
        """Whether the last look showed something older than before."""
        return bool(self._before)

    def compare(self, kind: str, held: Mapping[ObjectKey, Held], listed: Listed) -> None:
        """Take in one LIST, and what was held when it began."""
        newest = max(self._newest.get(kind, 0), *(each.version for each in held.values()), 0)
        if 0 < listed.version < newest:
            self._signs[kind] = f"the list of {kind} is at {listed.version}, after {newest}"
        else:
            self._newest[kind] = max(newest, listed.version)
            for key, before in held.items():
                now = listed.objects.get(key)
                if now is not None and _is_older(now, before):
                    self._signs[kind] = f"{key} is at {now.version}, after {before.version}"
                    break

    def check(self) -> None:
        """End one look at all kinds.

        Raises:
            ClusterRewound: this look and the one before showed the same kind older than it was.
        """
        signs, self._signs = self._signs, {}
        before, self._before = self._before, signs
        again = [kind for kind in signs if kind in before]
        if again:
            raise ClusterRewound(f"{signs[again[0]]}: {REMEDY}")
        if signs:
            log.warning("the cluster looks older than before", signs=sorted(signs.values()))


def _is_older(now: Held, before: Held) -> bool:
    return now.version < before.version or (
        now.version == before.version and bool(now.uid) and now.uid != before.uid
    )
