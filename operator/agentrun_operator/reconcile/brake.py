"""The brake of each account: where too many of its resources vanish at once, none is made up for.

An account in which nearly everything is absent is a wrong endpoint, another workspace or a disaster
far more often than somebody's intention. To create all of it a second time, or to let go of it,
cannot be undone. So each absence that nothing on our side explains is counted before anything
follows from it; beyond the limit nothing is created or released until the resources are back, or
somebody says that they are gone.
"""

from collections.abc import Callable, Collection
from datetime import datetime

import structlog

from agentrun_operator.core.identity import ACCEPT_ABSENCE_ANNOTATION, ObjectKey
from agentrun_operator.core.objects import KubeObject, parse_time, timestamp
from agentrun_operator.core.settings import MassAbsence
from agentrun_operator.reconcile.absence import may_have_vanished
from agentrun_operator.reconcile.absences import Absences, BrakeState, Missing, message_of
from agentrun_operator.reconcile.binding import CloudAccount
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.listings import Listings
from agentrun_operator.reconcile.memory import MemoryBank
from agentrun_operator.reconcile.own_deletions import OwnDeletions
from agentrun_operator.reconcile.ports import Clock

log = structlog.get_logger(__name__)

_FEW = 1000
"""More absences than these are counted by the account's own pass alone."""
_COUNT_SECONDS = 10.0
"""How long a count of what is on record serves; it takes a walk over all objects."""


class Brake:
    """Counts the absences of all accounts."""

    def __init__(
        self,
        cache: ObjectCache,
        memory: MemoryBank,
        listings: Listings,
        clock: Clock,
        settings: MassAbsence,
        *,
        cloud_of: Callable[[ObjectKey], CloudAccount | None],
    ) -> None:
        """Start with what the status of each account says of a brake that engaged before."""
        self._cache = cache
        self._memory = memory
        self._listings = listings
        self._clock = clock
        self._settings = settings
        self._cloud_of = cloud_of
        self._accounts: dict[ObjectKey, Absences] = {}
        self._counted_at: dict[ObjectKey, ObjectKey] = {}
        """Where an object's absence is counted."""
        self.deletions = OwnDeletions()
        self._changed: Callable[[ObjectKey, int | None], None] = lambda _source, _missing: None

    def listen(self, changed: Callable[[ObjectKey, int | None], None]) -> None:
        """Call `changed(account, missing)` when the brake engages; None when it is over."""
        self._changed = changed

    # ------------------------------------------------------------ what looks tell

    def note_missing(self, source: ObjectKey, obj: KubeObject) -> None:
        """Count an absence that nothing on our side explains."""
        if self.deletions.explain(obj):
            return
        self._follow(source, obj.key)
        account = self._of(source)
        known = account.missing.get(obj.key)
        if known is None or known.uid != obj.uid or known.is_back:
            now = self._clock.monotonic()
            is_accepted = account.accepted_at is not None and not self._is_over(account)
            known = Missing(
                obj.uid,
                now,
                cloud=self._cloud_of(source),
                is_proven=self._was_seen(obj.key),
                is_accepted=is_accepted,
            )
            account.missing[obj.key] = known
            self._counted_at[obj.key] = source

    def seen(self, source: ObjectKey, key: ObjectKey) -> None:
        """Note that a resource is there."""
        self._follow(source, key)
        account = self._of(source)
        known = account.missing.get(key)
        if known is not None and known.is_made_up:
            known.is_back = True
            return
        if known is None and key not in account.surveyed:
            return
        account.missing.pop(key, None)
        account.surveyed.discard(key)
        # Each look would cost a walk over all.
        is_cheap = len(account.missing) <= _FEW and not account.is_inherited
        if account.is_engaged and is_cheap and self._is_within_limit(account):
            self._release(account)

    def note_survey(self, source: ObjectKey, lacking: set[ObjectKey]) -> None:
        """Note what the newest LISTs lack of an account, whose objects look for it on their own."""
        account = self._of(source)
        account.surveyed = lacking
        account.surveyed_at = self._clock.monotonic()

    def note_made_up(self, source: ObjectKey, key: ObjectKey) -> None:
        """Note that what is missing is being created anew, or let go of."""
        known = self._of(source).missing.get(key)
        if known is not None:
            known.is_made_up = True

    # ------------------------------------------------------------ what passes ask

    def missed(self, source: ObjectKey) -> list[ObjectKey]:
        """Return whose resources looks of an account did not find."""
        return list(self._of(source).missing)

    def wants_survey(self, source: ObjectKey, key: ObjectKey) -> bool:
        """Whether to look at the whole account before an absence is acted on."""
        account = self._of(source)
        known = account.missing.get(key)
        is_open = known is not None and not known.is_accepted and not account.is_engaged
        return is_open and self._recorded(account) > self._limits(source).minimum

    def is_engaged(self, source: ObjectKey) -> bool:
        """Whether anything of an account is held."""
        return self._of(source).is_engaged

    def holds(self, source: ObjectKey, key: ObjectKey) -> bool:
        """Whether nothing may be created or released for an object now."""
        account = self._of(source)
        known = account.missing.get(key)
        return account.is_engaged and not (known is not None and known.is_accepted)

    def review(self, source: ObjectKey) -> BrakeState | None:
        """Bring an account up to date, and return what to say of it; None where all is well."""
        account = self._of(source)
        self._forget_the_past(account)
        if account.since is None:
            return None
        if account.is_engaged and self._is_accepted(source, account.since):
            self._accept(account)
        if self._is_over(account):
            account.since = account.accepted_at = None
        elif account.is_engaged and self._is_within_limit(account):
            self._release(account)
        return self.report(source)

    def report(self, source: ObjectKey) -> BrakeState | None:
        """Return what to say of an account, as it was last counted."""
        account = self._of(source)
        if account.since is None:
            return None
        since = timestamp(account.since)
        return BrakeState(since, account.is_engaged, self._message(account, since))

    def missing(self, source: ObjectKey) -> int | None:
        """Return how many resources of an account are missing; None while the brake is free."""
        account = self._of(source)
        return self._missing(account) if account.is_engaged else None

    def is_told(self, source: ObjectKey) -> bool:
        """Whether the account's own status says that its brake has engaged."""
        account, obj = self._of(source), self._account_object(source)
        if obj is None or account.since is None:
            return True
        told = obj.status.get("massAbsence") or {}
        return bool(told.get("since") == timestamp(account.since))

    async def drop_unused(self) -> None:
        """Forget absences that count no more, and accounts that are gone with all their users."""
        found = (self._cache.get(key) for key in self._cache.keys())  # noqa: SIM118 - not a dict
        await self.deletions.keep(found)
        for source, account in list(self._accounts.items()):
            self._forget_the_past(account)
            is_gone = source.is_account and self._cache.get(source) is None
            if is_gone and not self._cache.users_of(source):
                del self._accounts[source]
        accounts = self._accounts.items()
        self._counted_at = {key: source for source, a in accounts for key in a.missing}

    # ------------------------------------------------------------ counting

    def engage_beyond_limit(self, source: ObjectKey, key: ObjectKey) -> bool:
        """Engage where the absence of a resource, about to be acted on, is one too many.

        Returns whether it engaged just now.

        Race: passes of many objects come here at once. Each of them is counted before, so that no
        more than the limit ever go on.
        """
        account = self._of(source)
        known = account.missing.get(key)
        if account.is_engaged or (known is not None and known.is_accepted):
            return False
        if self._is_within_limit(account):
            return False
        account.since = self._clock.now().replace(microsecond=0)
        account.engaged_at = self._clock.monotonic()
        account.accepted_at = None
        missing = self._missing(account)
        log.warning(
            "mass absence: nothing of the account is created or released",
            account=str(source),
            missing=missing,
            recorded=account.recorded,
            since=timestamp(account.since),
        )
        self._changed(source, missing)
        return True

    def _release(self, account: Absences) -> None:
        log.info("mass absence is over", account=str(account.source))
        account.since = None
        account.is_inherited = False
        for key, known in account.missing.items():
            memory = self._memory.peek(key)
            if memory is not None and not known.is_made_up:
                # The others have just come back.
                memory.looks.prove_absence_anew(self._clock.monotonic())
        self._changed(account.source, None)

    def _accept(self, account: Absences) -> None:
        log.warning(
            "mass absence is accepted: going on without what is missing",
            account=str(account.source),
            missing=self._missing(account),
        )
        account.accepted_at = self._clock.monotonic()
        account.is_inherited = False
        for known in account.missing.values():
            known.is_accepted = True
        self._changed(account.source, None)

    def _is_over(self, account: Absences) -> bool:
        """Whether absences that are found now are no longer part of what was accepted."""
        window = self._limits(account.source).window_seconds
        accepted_at = account.accepted_at
        return accepted_at is not None and self._clock.monotonic() - accepted_at > window

    def _is_within_limit(self, account: Absences) -> bool:
        limits, own = self._limits(account.source), self._own_missing(account)
        if not own:
            # What others miss is no reason to hold who misses nothing.
            return True
        missing = own + len(self._missing_elsewhere(account))
        if missing <= limits.minimum:
            return True
        return missing * 100 <= limits.percent * self._recorded(account)

    def _missing(self, account: Absences) -> int:
        """Count what is missing of the account's cloud, whichever account object tells of it."""
        return self._own_missing(account) + len(self._missing_elsewhere(account))

    def _own_missing(self, account: Absences) -> int:
        unknown = self._not_looked_at(account) if account.is_inherited else 0
        return len(self._missed(account)) + unknown

    def _missed(self, account: Absences) -> set[ObjectKey]:
        """Return what is missing since the window began; while the brake holds, nothing expires."""
        now = self._clock.monotonic()
        return account.missed_since(self._window_begun(account)) | account.lacking(now)

    def _others(self, account: Absences) -> list[Absences]:
        """Return what is known of the other account objects that lead to the same cloud."""
        cloud = self._cloud_of(account.source)
        if cloud is None:
            return []
        others = (o for o in self._accounts.values() if o is not account)
        return [other for other in others if self._cloud_of(other.source) == cloud]

    def _missing_elsewhere(self, account: Absences) -> set[ObjectKey]:
        """Return what other account objects miss, as far as that says something of the cloud.

        A tenant writes the statuses of no object, but may name any account: only what was seen
        there by this process, and with keys known to be the cloud's, is evidence for others.
        """
        begun, cloud = self._window_begun(account), self._cloud_of(account.source)
        return {
            key
            for other in self._others(account)
            for key in other.missed_since(begun)
            if other.missing[key].is_proven and other.missing[key].cloud == cloud
        }

    def _window_begun(self, account: Absences) -> float:
        end = account.engaged_at if account.is_engaged else self._clock.monotonic()
        return end - self._limits(account.source).window_seconds

    def _forget_the_past(self, account: Absences) -> None:
        begun = self._window_begun(account)
        for key, known in list(account.missing.items()):
            is_gone = self._cache.version(key) is None
            if (is_gone and not known.is_made_up) or (
                known.at < begun and (is_gone or known.is_back)
            ):
                del account.missing[key]

    def _recorded(self, account: Absences) -> int:
        """Count what is on record, or was when it was missed: a status may be lost meanwhile."""
        now = self._clock.monotonic()
        if now - account.counted_at > _COUNT_SECONDS:
            others = {other.source for other in self._others(account)}
            elsewhere = {key for key in self._members(others) if self._was_seen(key)}
            known = {*self._members({account.source}), *elsewhere}
            known |= self._missed(account) | self._missing_elsewhere(account)
            account.recorded = len(known)
            account.counted_at = now
        return account.recorded

    def _was_seen(self, key: ObjectKey) -> bool:
        """Whether this process has seen the resource of an object."""
        memory = self._memory.peek(key)
        return memory is not None and memory.looks.seen_at is not None

    def _members(self, sources: Collection[ObjectKey]) -> list[ObjectKey]:
        members = self._listings.members() if sources else {}
        return [key for at, held in members.items() if at.account in sources for key in held]

    def _not_looked_at(self, account: Absences) -> int:
        """Count what this process knows nothing of yet, though the one before missed much."""
        window = self._limits(account.source).window_seconds
        members = self._members({account.source})
        unknown = [key for key in members if self._is_unknown(key, account)]
        if not unknown or self._clock.monotonic() - account.engaged_at > window:
            account.is_inherited = False
            return 0
        return len(unknown)

    def _is_unknown(self, key: ObjectKey, account: Absences) -> bool:
        memory, obj = self._memory.peek(key), self._cache.get(key)
        if obj is None or key in account.missing:
            return False
        if memory is None:
            return True
        is_seen = memory.looks.seen_at is not None or memory.looks.absent_since is not None
        return not is_seen and may_have_vanished(obj, memory)

    # ------------------------------------------------------------ accounts

    def _follow(self, source: ObjectKey, key: ObjectKey) -> None:
        """Take along what is counted of an object that has gone over to another account object.

        It is one absence: counted under both, it would engage the brake at half the limit.
        """
        before = self._counted_at.get(key, source)
        account = self._accounts.get(before) if before != source else None
        if account is None:
            return
        known = account.missing.pop(key, None)
        if known is not None and known.cloud == self._cloud_of(source):
            self._of(source).missing[key] = known
        self._counted_at[key] = source

    def _of(self, source: ObjectKey) -> Absences:
        known = self._accounts.get(source)
        if known is None:
            known = self._accounts[source] = Absences(source)
            obj = self._account_object(source)
            told = (obj.status.get("massAbsence") or {}) if obj is not None else {}
            known.since = parse_time(told.get("since"))
            known.is_inherited = known.since is not None
            known.engaged_at = self._clock.monotonic()
        return known

    def _account_object(self, source: ObjectKey) -> KubeObject | None:
        return self._cache.get(source) if source.is_account else None

    def _limits(self, source: ObjectKey) -> MassAbsence:
        """Return the account's limits: its own before the operator's."""
        obj, default = self._account_object(source), self._settings
        own = (obj.spec.get("massAbsence") or {}) if obj is not None else {}
        return MassAbsence(
            percent=own.get("percent", default.percent),
            minimum=own.get("minimum", default.minimum),
            window_seconds=own.get("windowSeconds", default.window_seconds),
        )

    def _is_accepted(self, source: ObjectKey, since: datetime) -> bool:
        obj = self._account_object(source)
        written = obj.annotations.get(ACCEPT_ABSENCE_ANNOTATION) if obj is not None else None
        return parse_time(written) == since

    def _message(self, account: Absences, since: str) -> str:
        missing, recorded = self._missing(account), self._recorded(account)
        limits = self._limits(account.source)
        return message_of(account.source, since, missing=missing, recorded=recorded, limits=limits)
