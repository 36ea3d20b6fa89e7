"""Which object of this cluster made or adopted what, by what the objects have on record.

Nothing is stored for it: the start-up barrier fills the cache before anything is decided, and what
several objects have on record belongs to the one with most right to it (`records.py`).
"""

from collections.abc import Iterator, Mapping

from agentrun_operator.core.identity import AccountIdentity
from agentrun_operator.core.kind import KeyedBy, ResourceKind
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.accounts import AccountDirectory
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

    def owners(self, kind: str, key: str, place: AccountIdentity) -> Iterator[KubeObject]:
        """Yield who has the resource on record that stands on the wire as `key`."""
        rest = self._kinds[kind].rest
        is_named = rest is not None and rest.key is KeyedBy.NAME
        return self.namesakes(kind, key, place) if is_named else self._by_id(kind, key, place)

    def namesakes(self, kind: str, name: str, place: AccountIdentity) -> Iterator[KubeObject]:
        """Yield who has a resource of this external name on record."""
        return self._owning(self._cache.claimants(kind, name), place)

    def _by_id(self, kind: str, ident: str, place: AccountIdentity) -> Iterator[KubeObject]:
        return self._owning(self._cache.recorders(kind, ident), place)

    def _owning(
        self, candidates: Iterator[KubeObject], place: AccountIdentity
    ) -> Iterator[KubeObject]:
        for obj in candidates:
            is_here = obj.is_in_charge and self._accounts.identity_of(obj) == place
            if is_here and self._records.own(obj).is_in_charge:
                yield obj
