"""Which object of this cluster made or adopted what, by what the objects have on record.

Nothing is stored for it: the start-up barrier fills the cache before anything is decided, and what
several objects have on record belongs to the one with most right to it (`records.py`).
"""

from collections.abc import Iterator, Mapping

from agentrun_operator.core.kind import KeyedBy, ResourceKind
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.accounts import AccountDirectory
from agentrun_operator.reconcile.binding import Binding
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.records import Records


class Ledger:
    """Answers whose a resource of one account is."""

    def __init__(
        self,
        kinds: Mapping[str, ResourceKind],
        cache: ObjectCache,
        accounts: AccountDirectory,
        records: Records,
    ) -> None:
        """Read the records of the objects in a cache."""
        self._kinds = kinds
        self._cache = cache
        self._accounts = accounts
        self._records = records

    def owners(self, kind: str, key: str, binding: Binding) -> Iterator[KubeObject]:
        """Yield who has the resource on record that stands on the wire as `key`."""
        rest = self._kinds[kind].rest
        is_named = rest is not None and rest.key is KeyedBy.NAME
        if is_named:
            return self.namesakes(kind, key, binding)
        return self._owning(self._cache.recorders(kind, key), binding)

    def namesakes(self, kind: str, name: str, binding: Binding) -> Iterator[KubeObject]:
        """Yield who has a resource of this external name on record."""
        return self._owning(self._cache.claimants(kind, name), binding)

    def _owning(self, candidates: Iterator[KubeObject], binding: Binding) -> Iterator[KubeObject]:
        for obj in candidates:
            if not obj.is_in_charge or self._accounts.identity_of(obj) != binding.identity:
                continue
            is_believed = self._accounts.is_believed(obj, binding.source)
            if is_believed and self._records.own(obj).is_in_charge:
                yield obj
