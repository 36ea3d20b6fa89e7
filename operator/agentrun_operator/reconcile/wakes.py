"""Wakes the other objects that a change of one may matter to."""

from collections.abc import Iterable, Iterator

from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.claims import may_share_parent
from agentrun_operator.reconcile.queue import WorkQueue
from agentrun_operator.reconcile.world import World


class Wakes:
    """Asks for the passes of users, targets, accounts, and objects that want the same name."""

    def __init__(self, world: World, queue: WorkQueue) -> None:
        """Look up in a world whom to put into a queue."""
        self._world = world
        self._queue = queue

    def users_of(self, target: ObjectKey) -> None:
        """Wake who refers to an object, a Secret or a ConfigMap."""
        # A shared LIST will do: what changed is on our side, and a write reads before it. Accounts
        # refer to nothing but their keys, which have to be verified anew.
        users = self._world.cache.users_of(target)
        pause = self._pause_between(target, len(users))
        for place, user in enumerate(users):
            delay = place * pause - 1.0
            if delay <= 0:
                self._queue.add(user, fresh=user.is_account)
            else:
                self._queue.add_after(user, delay)

    def _pause_between(self, target: ObjectKey, users: int) -> float:
        """Return the seconds between two users that are woken, after the first second's worth.

        A fleet whose account is back would spend the account's budget at once, and who asks for
        something then waits behind all of it.
        """
        if not target.is_account or not users:
            return 0.0
        account = self._world.cache.get(target)
        asked = account.spec.get("requestsPerSecond") if account is not None else None
        rate = float(asked or self._world.settings.requests_per_second)
        return min(1.0 / rate, self._world.settings.polling.steady_seconds / users)

    def targets_of(self, obj: KubeObject) -> None:
        """Wake what an object refers to, which may be waiting to be deleted."""
        for target in self._deleting(self._world.cache.targets_of(obj)):
            self._queue.add(target)

    def targets_left(self, targets: Iterable[ObjectKey]) -> None:
        """Wake what an object referred to before an edit, once its update has had the time."""
        for target in self._deleting(sorted(targets)):
            # The update that takes the target out of use in the cloud had better go first.
            self._queue.add_after(target, self._world.settings.polling.transition_seconds)

    def _deleting(self, targets: Iterable[ObjectKey]) -> Iterator[ObjectKey]:
        """Yield what of some targets is an object of ours on its way out."""
        for target in targets:
            held = self._world.cache.get(target) if target.kind in self._world.kinds else None
            if held is not None and held.deleting:
                yield target

    def accounts_of(self, obj: KubeObject) -> None:
        """Let the account say what its keys were refused for; all its users then wait for it."""
        for target in self._world.cache.targets_of(obj):
            if target.is_account and self._world.cache.get(target) is not None:
                self._queue.add(target)

    def of_same_name(self, *claims: KubeObject) -> None:
        """Wake who may wait for the end of a claim to a name, or wait behind it from now on."""
        for claim in claims:
            kind, identity_of = claim.key.kind, self._world.accounts.identity_of
            rest, account = self._world.kinds[kind].rest, identity_of(claim)
            for other in self._world.cache.claimants(kind, claim.external_name):
                is_met = rest is not None and may_share_parent(claim, other, rest)
                if is_met and identity_of(other) == account:
                    self._queue.add(other.key)
