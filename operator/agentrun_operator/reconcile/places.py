"""Whether an endpoint still leads to the cloud that an account's resources are in.

The keys of an account may be good in another cloud, region or simulator as well. There every look
would find nothing, and all would be created a second time and the first be left behind. So an
endpoint that was edited has to show one resource that is on record before it is believed. Who lost
the record may have one as well, and has nothing to show: the account stays where it was until that
one has been looked at.
"""

from collections.abc import Iterator, Mapping

from agentrun_operator.core.errors import AccountChanged, InvalidParameter
from agentrun_operator.core.identity import AccountIdentity, Locator
from agentrun_operator.core.kind import KeyedBy, ResourceKind
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.admission import Admission
from agentrun_operator.reconcile.binding import VERIFIED
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.memory import MemoryBank
from agentrun_operator.reconcile.ports import Cloud, ClusterUnavailable, ExternalAPI

_TRIES = 5
"""Resources that are looked for; one may have been deleted behind our back."""


class Places:
    """Where the accounts of this cluster were found before."""

    def __init__(
        self,
        kinds: Mapping[str, ResourceKind],
        cache: ObjectCache,
        memory: MemoryBank,
        admission: Admission,
        cloud: Cloud,
    ) -> None:
        """Compare the endpoints of `cloud`; what is on record is in `cache`."""
        self._kinds = kinds
        self._cache = cache
        self._memory = memory
        self._admission = admission
        self._cloud = cloud

    def of(self, account: KubeObject) -> str:
        """Return the place that an account's spec leads to."""
        region, endpoint = str(account.spec.get("region")), account.spec.get("endpoint")
        return self._cloud.place_of(region, str(endpoint) if endpoint else None)

    def host_of(self, account: KubeObject) -> str | None:
        """Return the endpoint of an account where its region alone does not tell its place."""
        endpoint = account.spec.get("endpoint")
        region = str(account.spec.get("region"))
        is_official = self.of(account) == self._cloud.place_of(region, None)
        return str(endpoint) if endpoint and not is_official else None

    def leads_to(self, account: KubeObject, identity: AccountIdentity, host: str | None) -> bool:
        """Whether an account leads to a cloud account at a host; None: as its region says."""
        if AccountIdentity.of(account.spec) != identity:
            return False
        try:
            return self.of(account) == self._cloud.place_of(identity.region, host)
        except InvalidParameter:
            return False

    def recorded(self, account: KubeObject) -> str | None:
        """Return the place in which an account was last verified; None without a record."""
        seen, spec = account.status.get("atProvider") or {}, account.spec
        # Neither can be edited: a status that tells of others was restored from a predecessor.
        if any(seen.get(name) != spec.get(name) for name in ("accountId", "region")):
            return None
        endpoint = str(seen.get("endpoint") or "")
        try:
            return self._cloud.place_of(str(seen["region"]), endpoint or None)
        except InvalidParameter:
            # No place that a spec could lead to: whatever it is now, it is another one.
            return f"nowhere {endpoint}"

    @staticmethod
    def may_have_other_keys(account: KubeObject, version: str) -> bool:
        """Whether a version of a Secret may hold other keys than an account was verified with.

        The version is on record where nobody says whose the keys are: a process that starts has to
        know whether they are those of before. Of keys whose owner was asked for there is none.
        """
        seen = account.status.get("atProvider") or {}
        known = seen.get("secretVersion")
        return known != version if known else seen.get("identity") == VERIFIED

    def pinned(self, account: KubeObject) -> str | None:
        """Return the place that all resources of an account were pinned to; None if to several.

        An account that was made anew has no record of its own. Where its resources are known to
        have been, nothing has changed, and a resource that is gone has nothing to prove.
        """
        region = str(account.spec.get("region"))
        hosts = {obj.pin.get("endpoint") or None for obj in self._residents(account)}
        try:
            places = {self._cloud.place_of(region, host) for host in hosts}
        except InvalidParameter:
            return None
        return places.pop() if len(places) == 1 else None

    async def check(
        self, account: KubeObject, api: ExternalAPI, *, changed: str, before: str | None
    ) -> None:
        """Find one resource of an account where it leads to since something `changed`.

        `before` is the place where it was; None where nobody knows.

        Raises:
            AccountChanged: none is there, though some are on record, or may be.
            OperatorError: the cloud did not say.
        """
        residents = list(self._residents(account))
        # Where nobody knows the place of before, a lost record tells of no other one.
        lost = [] if before is None else list(self._lost(account))
        known = [obj for obj in (*residents, *lost) if self._known_id(obj)]
        for obj in known[:_TRIES]:
            if await self._is_there(obj, api):
                return
        # What is only observed is neither created nor released: nothing of it can be lost.
        residents = [obj for obj in residents if not obj.observes_only]
        leads = f"{changed} of {account.key} leads to another cloud than before"
        meanwhile = "Nothing is created, deleted or released meanwhile"
        if residents:
            raise AccountChanged(
                f"{leads}: none of {min(len(residents), _TRIES)} resources on record is there, "
                f"such as that of {residents[0].key}; correct {changed}. {meanwhile}"
            )
        for obj in lost:
            if await self._is_admitted(obj, account):
                raise AccountChanged(
                    f"{leads}, and {obj.key}, whose status was lost, may have a resource where it "
                    f"led before; put {changed} back until that object is Ready, or delete it "
                    f"with spec.deletionPolicy: Retain. {meanwhile}"
                )

    def _residents(self, account: KubeObject) -> Iterator[KubeObject]:
        """Yield the objects that have a resource on record in an account; Ready ones first."""
        yield from sorted(
            (obj for obj in self._users(account) if _lives_in(obj, account)), key=_uncertainty
        )

    def _lost(self, account: KubeObject) -> Iterator[KubeObject]:
        """Yield the objects of an account that may have a resource which no record tells of."""
        for obj in self._users(account):
            memory = self._memory.peek(obj.key)
            is_known = memory is not None and memory.uid == obj.uid
            is_untouched = is_known and memory is not None and memory.held.is_untouched
            is_lost = obj.is_unrecorded and not obj.observes_only and not is_untouched
            if is_lost and self._is_asked_for(account, obj):
                yield obj

    async def _is_admitted(self, obj: KubeObject, account: KubeObject) -> bool:
        """Whether an account admits an object: anybody can write our finalizer onto one."""
        try:
            return await self._admission.lets_in(account, obj)
        except ClusterUnavailable:
            return True

    def _users(self, account: KubeObject) -> Iterator[KubeObject]:
        users = (self._cache.get(key) for key in self._cache.users_of(account.key))
        return (obj for obj in users if obj is not None)

    def _is_asked_for(self, account: KubeObject, obj: KubeObject) -> bool:
        """Whether an account is the first that exists of those that a spec may mean."""
        asked = (key for key in obj.accounts_asked_for if self._cache.version(key) is not None)
        return next(asked, None) == account.key

    def _known_id(self, obj: KubeObject) -> str | None:
        """Return the id of an object's resource: on record, or from an answer to this process."""
        memory = self._memory.peek(obj.key)
        if obj.external_id or memory is None or memory.uid != obj.uid:
            return obj.external_id
        return memory.held.ident

    async def _is_there(self, obj: KubeObject, api: ExternalAPI) -> bool:
        rest, ident = self._kinds[obj.key.kind].rest, self._known_id(obj)
        if rest is None or ident is None:
            return False
        parent = obj.status.get("parentId")
        if rest.parent is not None and not parent:
            return False
        key = obj.recorded_name if rest.key is KeyedBy.NAME else ident
        found = await api.read(rest, Locator(key, parent))
        # Its name may well be there too; the id is this very resource's.
        return found.resource is not None and rest.external_id_of(found.resource) == ident


def _lives_in(obj: KubeObject, account: KubeObject) -> bool:
    is_same = AccountIdentity.of(obj.pin) == AccountIdentity.of(account.spec)
    return is_same and obj.has_record and obj.pinned_account == account.key


def _uncertainty(obj: KubeObject) -> tuple[bool, bool, str]:
    """Order what is looked for: first what is the most certain to exist."""
    return not obj.external_id, not obj.is_ready, str(obj.key)
