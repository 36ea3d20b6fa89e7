"""Which account an object lives in, and a client of that account."""

from collections.abc import Mapping
from contextlib import suppress

from pydantic import ValidationError

from agentrun_operator.core.errors import (
    AccountChanged,
    AccountNotUsable,
    CredentialsNotFound,
    DependencyNotReady,
    ForeignKeys,
    OperatorError,
    Retryable,
    Throttled,
    Unavailable,
)
from agentrun_operator.core.grants import Allowance, Leave
from agentrun_operator.core.identity import (
    ACCOUNT,
    ACCOUNT_KINDS,
    CLUSTER_ACCOUNT,
    AccountIdentity,
    ObjectKey,
)
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.reasons import Reason
from agentrun_operator.core.settings import Settings
from agentrun_operator.reconcile.admission import Admission
from agentrun_operator.reconcile.binding import (
    VERIFIED,
    Binding,
    account_in_doubt,
    check_pin,
    is_unverified_pin,
)
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.clients import OWN_ACCOUNT, AccountClients
from agentrun_operator.reconcile.places import Places
from agentrun_operator.reconcile.ports import KubeReader


class AccountDirectory:
    """Resolves the account of an object, and asks its owner's leave."""

    def __init__(
        self,
        cache: ObjectCache,
        reader: KubeReader,
        clients: AccountClients,
        settings: Settings,
        *,
        admission: Admission,
        places: Places,
    ) -> None:
        """Resolve to clients of `clients`."""
        self._cache = cache
        self._reader = reader
        self._clients = clients
        self._settings = settings
        self._admission = admission
        self._places = places

    async def bind(self, obj: KubeObject) -> Binding:
        """Return the account of an object.

        Raises:
            CredentialsNotFound: no account is named, or the one named does not exist.
            DependencyNotReady: the account exists and is not verified.
            AccountChanged: its endpoint leads to another cloud than before.
            AccessDenied: a ClusterAccount does not allow this namespace.
        """
        account = self._asked_for(obj)
        if account is None:
            return await self._own_binding_of(obj)
        await self._admission.check(account, obj)
        _check_ready(account, obj)
        try:
            return await self._clients.connect(account)
        except ForeignKeys as error:
            # The account tells of it; that is no news of its objects.
            raise AccountNotUsable(f"{account.key}: {error.message}") from None

    def _asked_for(self, obj: KubeObject) -> KubeObject | None:
        """Return the account that a spec asks for, None where none of that name exists."""
        found = (self._cache.get(key) for key in obj.accounts_asked_for)
        return next((account for account in found if account is not None), None)

    def source_of(self, obj: KubeObject) -> ObjectKey | None:
        """Return which account an object would be looked up in, whether that works or not."""
        if obj.deleting and obj.pinned_account is not None:
            return obj.pinned_account
        account = self._asked_for(obj)
        if account is not None:
            return account.key
        return OWN_ACCOUNT if self._has_own(obj) else None

    def _has_own(self, obj: KubeObject) -> bool:
        return self._settings.own_account is not None and not obj.spec.get("accountRef")

    async def _own_binding_of(self, obj: KubeObject) -> Binding:
        if not self._has_own(obj):
            raise CredentialsNotFound(_missing(obj))
        return await self._clients.own()

    async def admits(self, obj: KubeObject) -> bool:
        """Whether an object that has no resource yet may have one in the account it asks for.

        Anybody can write down an account id, or name a ClusterAccount. Only who is admitted by the
        owner of an account with verified keys may claim a name in it.
        """
        account = self._asked_for(obj)
        if account is None:
            return self._has_own(obj)
        try:
            await self._admission.check(account, obj)
            _check_ready(account, obj)
        except OperatorError:
            return False
        return True

    async def bind_for_deletion(self, obj: KubeObject, *, is_known: bool) -> Binding:
        """Return the account that an object is pinned to, its last working client if need be.

        Where neither is left, another Account that the spec names by now serves as well.

        Without a pin the account that it asks for now is what it would have been pinned to. Anybody
        who may write a status can pin an object to a ClusterAccount, so its owner's leave is asked
        for, unless this process knows the resource (`is_known`): the leave may have ended since.

        Raises:
            AccessDenied: a ClusterAccount does not allow this namespace.
            AccountChanged: what goes by its name now is another account. A look there would find
                nothing, and take that for the end of the resource.
            OperatorError: neither the account's credentials nor a client of it is left.
        """
        try:
            return _as_pinned(obj, await self._pinned(obj, is_known=is_known))
        except OperatorError:
            other = await self._other_way(obj)
            if other is None:
                raise
            return other

    async def _pinned(self, obj: KubeObject, *, is_known: bool) -> Binding:
        key = obj.pinned_account
        if key is None:
            return await self._unpinned(obj)
        if key.kind == OWN_ACCOUNT.kind:
            return await self._clients.own()
        account = self._cache.get(key)
        if account is not None and not is_known:
            await self._admission.check(account, obj)
        last = self._clients.known(key)
        if account is not None:
            return await self._connect(account, last)
        if last is None:
            raise CredentialsNotFound(f"{key} is gone; restore it")
        return last

    async def _other_way(self, obj: KubeObject) -> Binding | None:
        """Return the account that the spec names by now, where it leads to the same cloud."""
        account, pinned = self._asked_for(obj), obj.pinned_account
        if account is None or pinned in (None, account.key):
            return None
        try:
            await self._admission.check(account, obj)
            binding = await self._clients.connect(account)
        except OperatorError:
            return None
        error = check_pin(obj, binding) or account_in_doubt(obj, binding)
        return binding if error is None else None

    async def _unpinned(self, obj: KubeObject) -> Binding:
        account = self._asked_for(obj)
        if account is None:
            return await self._own_binding_of(obj)
        await self._admission.check(account, obj)
        last = self._clients.known(account.key)
        # A client of another account would find nothing, and that would pass for the end.
        fits = last is not None and last.identity == self.identity_of(obj)
        return await self._connect(account, last if fits else None)

    async def _connect(self, account: KubeObject, last: Binding | None) -> Binding:
        """Return the client of an account, or the last one that worked where there is none now."""
        try:
            return await self._clients.connect(account)
        except Retryable:
            if last is None:
                raise
            return last

    def identity_of(self, obj: KubeObject) -> AccountIdentity | None:
        """Return the account of an object without any call: pinned, or else asked for.

        What has no resource, nor may have one, lives where its reference leads by now.
        """
        if obj.pin and obj.has_record:
            return AccountIdentity.of(obj.pin)
        account = self._asked_for(obj)
        if account is not None:
            return AccountIdentity.of(account.spec)
        own = self._settings.own_account
        return AccountIdentity(own.account_id, own.region) if own is not None else None

    def is_believed(self, obj: KubeObject, source: ObjectKey) -> bool:
        """Whether the account that an object lives in counts as its own against users of `source`.

        Anybody can write down somebody else's account id. A tenant's account has to have proven its
        keys; one that lost them since (another's were put into its Secret) keeps what it has.
        """
        if is_unverified_pin(obj, source):
            return False
        account = self._account_of(obj)
        if account is None or account.key == source or not account.key.namespace:
            return True
        if (account.spec.get("identityCheck") or {}).get("mode") == "Off":
            return False
        was_proven = (account.status.get("atProvider") or {}).get("identity") == VERIFIED
        return was_proven or account.ready_reason != Reason.ACCOUNT_MISMATCH.value

    def _account_of(self, obj: KubeObject) -> KubeObject | None:
        pinned = obj.pinned_account
        return self._asked_for(obj) if pinned is None else self._cache.get(pinned)

    def place_of(self, obj: KubeObject) -> ObjectKey | None:
        """Return the account that an object lives in, or would; None where there is none."""
        account = self._account_of(obj)
        return None if account is None else account.key

    async def lets_in(self, obj: KubeObject, account: ObjectKey | None) -> bool:
        """Whether an account admits the namespace of an object; one that is gone keeps nobody out.

        Unlike `admits` this is asked of what may have a resource: the account need not be Ready.
        """
        found = self._cache.get(account) if account is not None else None
        return found is None or await self._admission.lets_in(found, obj)

    async def beside(self, obj: KubeObject, binding: Binding) -> list[ObjectKey]:
        """Return the other accounts that lead an object to the same cloud account as `binding`."""
        found = []
        for key in sorted(key for kind in ACCOUNT_KINDS for key in self._cache.keys(kind)):
            if key == binding.source or key.namespace not in ("", obj.key.namespace):
                continue
            account = self._cache.get(key)
            if account is None:
                continue
            is_there = self._places.leads_to(account, binding.identity, binding.host)
            if is_there and await self._admission.lets_in(account, obj):
                found.append(key)
        return found

    async def leave(self, obj: KubeObject, source: ObjectKey) -> Leave:
        """Return what the namespace of an object may reach in an account beyond its own."""
        if source.namespace:
            return Leave(str(source), obj.key.namespace, remedy="")
        if source == OWN_ACCOUNT:
            own = self._settings.own_account
            return Leave(
                "the operator's own account",
                obj.key.namespace,
                "ask whoever installed the operator to add it to account.allow of its chart, or "
                "use an Account of the namespace",
                await self._concerning(obj, own.allow if own is not None else ()),
            )
        account = self._cache.get(source)
        return Leave(
            str(source),
            obj.key.namespace,
            f"ask the owner of {source} to add it to spec.allow, or use an Account of the "
            "namespace",
            await self._concerning(obj, _allowances(account)),
        )

    async def _concerning(
        self, obj: KubeObject, allowances: tuple[Allowance, ...]
    ) -> tuple[Allowance, ...]:
        """Return the allowances for the namespace of an object; labels are read where they count.

        Only what gives more than the names of namespaces do already is worth the call.
        """
        namespace = obj.key.namespace
        named = tuple(each for each in allowances if each.concerns(namespace, None))
        if not any(each.namespace_selector for each in allowances if each not in named):
            return named
        labels = await self._reader.namespace_labels(namespace)
        return tuple(each for each in allowances if each.concerns(namespace, labels))


def _allowances(account: KubeObject | None) -> tuple[Allowance, ...]:
    """Return what an account grants; an entry that makes no sense grants nothing."""
    found = []
    for entry in (account.spec.get("allow") or ()) if account is not None else ():
        with suppress(ValidationError):
            found.append(Allowance.model_validate(entry))
    return tuple(found)


_PASSING = {error.reason.value: error for error in (Unavailable, Throttled)}
_REFUSED = ("CredentialsInvalid", "CredentialsNotFound", "AccessDenied", "InvalidParameter")


def _check_ready(account: KubeObject, user: KubeObject) -> None:
    """Let nobody create in an account that is not verified; who lives there may stay.

    Once the cloud refused the account, one account asks again instead of all its users.
    """
    reason, message = account.ready_reason, account.ready.get("message")
    if user.external_id and reason == Reason.ACCOUNT_MISMATCH.value:
        raise AccountNotUsable(f"{account.key}: {message}")
    if user.external_id and reason == Reason.ACCOUNT_CHANGED.value:
        raise AccountChanged(str(message))
    if user.external_id and reason not in _REFUSED:
        return
    if account.deleting:
        raise DependencyNotReady(f"{account.key} is being deleted")
    if not (account.is_ready and account.is_observed):
        message = f"{account.key} is not Ready: {reason or 'Pending'}; see its conditions"
        if account.status.get("atProvider") and reason in _PASSING:
            # It worked before: what is new waits as everything else in it does.
            raise _PASSING[reason](message)
        raise DependencyNotReady(message)


def _as_pinned(obj: KubeObject, binding: Binding) -> Binding:
    error = check_pin(obj, binding)
    if error is not None:
        raise error
    return binding


def _missing(obj: KubeObject) -> str:
    explicit = obj.spec.get("accountRef")
    if isinstance(explicit, Mapping):
        kind = explicit.get("kind") or ACCOUNT
        where = f" in namespace {obj.key.namespace!r}" if kind == ACCOUNT else ""
        return (
            f"spec.accountRef names {kind} {explicit.get('name')!r}, which does not exist{where}; "
            "create it or correct the reference"
        )
    return (
        f"no account: create an {ACCOUNT} named 'default' in namespace {obj.key.namespace!r} or a "
        f"{CLUSTER_ACCOUNT} named 'default', or set spec.accountRef"
    )
