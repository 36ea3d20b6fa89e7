"""Who keeps a target from being deleted: its users, as far as they may use it."""

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.accounts import AccountDirectory
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.memory import MemoryBank
from agentrun_operator.reconcile.references import holders


class Holds:
    """Asks the owners of shared accounts whom they admit."""

    def __init__(self, cache: ObjectCache, memory: MemoryBank, accounts: AccountDirectory) -> None:
        """Look at the objects of a cache."""
        self._cache = cache
        self._memory = memory
        self._accounts = accounts

    async def on(self, target: ObjectKey) -> tuple[str, ...]:
        """Return the objects that hold a target.

        Anybody can write our finalizer, and a status, onto an object. Where its namespace may not
        use the account there is nothing of it in the cloud, unless this process has seen it there:
        the leave may have ended since.
        """
        admitted: dict[tuple[str, ObjectKey | None], bool] = {}
        found = []
        for key in holders(target, self._cache):
            obj = self._cache.get(key)
            if obj is None or self._is_known(obj):
                found.append(str(key))
                continue
            lender = target if target.is_account else self._accounts.place_of(obj)
            at = (key.namespace, lender)
            if at not in admitted:
                admitted[at] = await self._accounts.lets_in(obj, lender)
            if admitted[at]:
                found.append(str(key))
        return tuple(found)

    def _is_known(self, obj: KubeObject) -> bool:
        notes = self._memory.peek(obj.key)
        return notes is not None and notes.uid == obj.uid and notes.held.is_known
