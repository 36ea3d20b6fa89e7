"""One client per account object, made anew when its spec or its keys change."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agentrun_operator.core.errors import (
    CredentialsInvalid,
    CredentialsNotFound,
    ForeignKeys,
    OperatorError,
    ReferenceNotFound,
)
from agentrun_operator.core.identity import AccountIdentity, ObjectKey
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.core.settings import Settings
from agentrun_operator.reconcile.binding import Binding
from agentrun_operator.reconcile.breaker import Breaker
from agentrun_operator.reconcile.budget import Budget
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.contact import Contacts
from agentrun_operator.reconcile.guard import GuardedAPI, check_leadership
from agentrun_operator.reconcile.known import KnownValues
from agentrun_operator.reconcile.parsing import parse_spec
from agentrun_operator.reconcile.places import Places
from agentrun_operator.reconcile.ports import (
    AccountConnection,
    Clock,
    Cloud,
    IdentityCheck,
    KubeReader,
    Leadership,
)
from agentrun_operator.reconcile.refusals import Refusals
from agentrun_operator.reconcile.waiting import waiting

_KEYS = frozenset({"accessKeyId", "accessKeySecret", "securityToken"})
"""What is read of an account's Secret."""
OWN_ACCOUNT = ObjectKey("Operator", "", "settings")
"""Stands for the account of the operator's own settings."""
_NO_OBJECT = ("", 0)
"""The stamp of what is no object."""


@dataclass(slots=True)
class _Client:
    stamp: tuple[str, int]
    """Of the account object as it was; one made anew under the same name is another account."""
    binding: Binding
    api: GuardedAPI
    secret: ObjectKey | None = None
    place: str = ""
    """The cloud that its endpoint leads to."""
    stale: bool = False


def _stamp(account: KubeObject) -> tuple[str, int]:
    """Return what an edit of an account object changes, and what another one has not."""
    return account.uid, account.generation


class AccountClients:
    """The clients of all accounts, and the budgets that they share."""

    def __init__(
        self,
        kinds: Mapping[str, ResourceKind],
        cache: ObjectCache,
        reader: KubeReader,
        cloud: Cloud,
        settings: Settings,
        *,
        places: Places,
        clock: Clock,
        leadership: Leadership,
    ) -> None:
        """Start without clients."""
        self.contacts = Contacts(clock)
        self._kinds = kinds
        self._cache = cache
        self._reader = reader
        self._cloud = cloud
        self._settings = settings
        self._clock = clock
        self._leadership = leadership
        self._clients: dict[ObjectKey, _Client] = {}
        self._budgets: dict[tuple[str, AccountIdentity], Budget] = {}
        """By namespace too: whoever writes down a tenant's account id must not slow it down."""
        self._locks: dict[ObjectKey, asyncio.Lock] = {}
        self._refusals = Refusals(clock)
        self._places = places
        self._signed = KnownValues(clock)
        self._heard = 0
        """How many changes of Secrets we were told of."""

    async def connect(self, account: KubeObject, *, insists: bool = False) -> Binding:
        """Return a client of an account object, made anew when its spec or Secret changed.

        A new client is handed out when its keys are known to be the account's, and its endpoint to
        lead where the account's resources are. Until then the one before serves the passes that
        have it, and nobody else.

        Many passes ask at once after a rotation; one of them asks for all. What was refused is
        refused for a while without asking, unless the caller `insists`.

        Raises:
            CredentialsNotFound: its Secret does not exist.
            CredentialsInvalid: a key of the Secret is missing or empty, or they are refused.
            ForeignKeys: the keys belong to another account.
            AccountChanged: the endpoint leads to another cloud than before.
            InvalidParameter: its endpoint is not allowed, or its spec makes no sense.
            Unavailable: nobody says whose the keys are.
        """
        stamp = _stamp(account)
        if not insists:
            asking = self._locks.get(account.key)
            is_being_asked = asking is not None and asking.locked()
            self._refusals.check(account.key, stamp, is_being_asked=is_being_asked)
        async with self._alone(account.key):
            if not insists:
                self._refusals.check(account.key, stamp)
            known = self._clients.get(account.key)
            if known is None or known.stale or known.stamp != stamp:
                known = await self._renew(account, known)
            return known.binding

    @asynccontextmanager
    async def _alone(self, source: ObjectKey) -> AsyncIterator[None]:
        """Let one pass at a time ask whose the keys of an account are; no worker waits for that."""
        with waiting():
            async with self._locks.setdefault(source, asyncio.Lock()):
                yield

    async def _renew(self, account: KubeObject, known: "_Client | None") -> "_Client":
        parse_spec(self._kinds[account.key.kind], account)
        secret, stamp, heard = self._secret_of(account), _stamp(account), self._heard
        keys, version = (None, "") if secret is None else await self._read_keys(account, secret)
        if known and known.stamp == stamp and known.binding.secret_version == version:
            # Race: what was read may be old already, if a change was told of meanwhile.
            known.stale = self._heard != heard
            return known
        connection = self._connection(account, secret, keys)
        api = self._open(connection, account.key)
        try:
            is_verified = await api.identify()
            place = await self._find(account, known, api, "" if is_verified else version)
        except OperatorError as error:
            if self._heard == heard:
                self._refusals.note(account.key, stamp, secret, error)
            await api.aclose()
            raise
        binding = Binding(
            account.key,
            connection.identity,
            api,
            compatibility=account.spec.get("compatibility") or {},
            host=self._places.host_of(account),
            is_verified=is_verified,
            secret_version=version,
        )
        made = _Client(stamp, binding, api, secret, place, stale=self._heard != heard)
        self._clients[account.key] = made
        self._refusals.forget(account.key)
        if known is not None:
            self._signed.note(account.key, known.api.keys())
            await known.api.retire()
        return made

    async def _read_keys(
        self, account: KubeObject, secret: ObjectKey
    ) -> tuple[Mapping[str, str], str]:
        """Return the data of an account's Secret, and its version."""
        try:
            data = await self._reader.secret(secret.namespace, secret.name)
        except ReferenceNotFound as closed:
            raise CredentialsNotFound(closed.message) from closed
        if data is None:
            raise CredentialsNotFound(
                f"Secret {secret.name!r} of {account.key} does not exist in namespace "
                f"{secret.namespace!r}; create it with accessKeyId and accessKeySecret"
            )
        for key in sorted(data.unreadable & _KEYS):
            raise CredentialsInvalid(
                f"key {key} of Secret {secret.name!r} of {account.key} is no UTF-8 text; "
                "check how it was encoded"
            )
        return data.data, data.version

    async def _find(
        self, account: KubeObject, known: "_Client | None", api: GuardedAPI, unverified: str
    ) -> str:
        """Return the cloud that an account leads to, once it is known to be the one of before.

        `unverified` is the version of keys of which nobody says whose they are.
        """
        place = self._places.of(account)
        before = self._places.recorded(account)
        has_new_keys = known is not None and known.stamp[0] == account.uid
        if known is not None and has_new_keys:
            before = known.place
        elif unverified:
            has_new_keys = self._places.may_have_other_keys(account, unverified)
        elif before is None:
            # Made anew. Whose keys these are is known; where it was say the last one's users.
            before = self._place_of_predecessor(account, known)
        if place != before:
            changed = "spec.endpoint" if before else "spec.endpoint or the access key"
            await self._places.check(account, api, changed=changed, before=before)
        elif has_new_keys and unverified:
            # Nobody says whose these are, so a resource has to: another account has none of them.
            await self._places.check(account, api, changed="the access key", before=before)
        return place

    def _place_of_predecessor(self, account: KubeObject, known: "_Client | None") -> str | None:
        if known is not None and known.binding.identity == AccountIdentity.of(account.spec):
            return known.place
        return self._places.pinned(account)

    def _connection(
        self, account: KubeObject, secret: ObjectKey | None, keys: Mapping[str, str] | None
    ) -> AccountConnection:
        spec = account.spec
        credentials = spec.get("credentials") or {}
        # Tenant safety: only the platform's accounts may lead on to a role.
        role = {} if account.key.namespace else credentials.get("assumeRole") or {}
        origin = "the operator's own credentials" if secret is None else f"Secret {secret.name!r}"
        if role:
            origin = f"role {role.get('roleArn')} of {origin}"
        check = spec.get("identityCheck") or {}
        return AccountConnection(
            AccountIdentity.of(spec),
            spec.get("endpoint") or None,
            keys,
            float(spec.get("requestsPerSecond") or self._settings.requests_per_second),
            role_arn=role.get("roleArn"),
            role_external_id=role.get("externalId"),
            origin=origin,
            source=account.key,
            identity_check=IdentityCheck(
                is_on=check.get("mode") != "Off", endpoint=check.get("endpoint") or None
            ),
        )

    def keys_of(self, binding: Binding) -> frozenset[str]:
        """Return the texts of the keys that signed for an account in the last hour."""
        self._signed.note(binding.source, binding.api.keys())
        return self._signed.of(binding.source)[0]

    def known(self, source: ObjectKey) -> Binding | None:
        """Return the client that an account has, without reading anything."""
        client = self._clients.get(source)
        return client.binding if client is not None else None

    async def own(self) -> Binding:
        """Return the operator's own account.

        Raises:
            CredentialsNotFound: the settings name none.
            ForeignKeys: the operator's credentials belong to another account.
        """
        own = self._settings.own_account
        if own is None:
            raise CredentialsNotFound("the operator has no account of its own any more")
        async with self._alone(OWN_ACCOUNT):
            known = self._clients.get(OWN_ACCOUNT)
            if known is not None:
                return known.binding
            self._refusals.check(OWN_ACCOUNT, _NO_OBJECT)
            identity = AccountIdentity(own.account_id, own.region)
            connection = AccountConnection(
                identity,
                own.endpoint,
                None,
                self._settings.requests_per_second,
                origin="the operator's own credentials",
                source=OWN_ACCOUNT,
                identity_check=IdentityCheck(own.checks_identity, own.token_service),
            )
            api = self._open(connection, OWN_ACCOUNT)
            try:
                is_verified = await api.identify()
            except OperatorError as error:
                self._refusals.note(OWN_ACCOUNT, _NO_OBJECT, None, error)
                await api.aclose()
                raise
            binding = Binding(OWN_ACCOUNT, identity, api, is_verified=is_verified)
            self._clients[OWN_ACCOUNT] = _Client(_NO_OBJECT, binding, api)
            return binding

    @property
    def are_refusing(self) -> bool:
        """Whether some call would be answered with a refusal that is remembered."""
        return any(client.api.is_refusing for client in self._clients.values())

    def apis(self) -> Mapping[ObjectKey, GuardedAPI]:
        """Return the client of each account that has one."""
        return {source: client.api for source, client in self._clients.items()}

    def is_there(self, source: ObjectKey) -> bool:
        """Whether an account's object exists; the operator's own account needs none."""
        return source == OWN_ACCOUNT or self._cache.version(source) is not None

    def is_calm(self, source: ObjectKey) -> bool:
        """Whether an account has a client, and nothing speaks against more calls than needed."""
        client = self._clients.get(source)
        return client is not None and client.api.is_calm

    def budgets(self) -> Mapping[ObjectKey, Budget]:
        """Return each budget once, by the first that exists of the accounts that share it."""
        firsts: dict[tuple[str, AccountIdentity], ObjectKey] = {}
        for source in sorted(filter(self.is_there, self._clients)):
            identity = self._clients[source].binding.identity
            firsts.setdefault((source.namespace, identity), source)
        return {source: self._budgets[at] for at, source in firsts.items() if at in self._budgets}

    def secret_changed(self, secret: ObjectKey) -> None:
        """Make the clients that use a Secret read it again; the old ones serve until then."""
        self._heard += 1
        self._refusals.secret_changed(secret)
        for client in self._clients.values():
            if client.secret == secret:
                client.stale = True

    def reread(self, source: ObjectKey) -> None:
        """Read an account's Secret again at the next use; nobody tells of its changes."""
        client = self._clients.get(source)
        if client is not None and source != OWN_ACCOUNT:
            client.stale = True

    def distrust(self, source: ObjectKey, error: OperatorError) -> None:
        """Read an account's Secret again at the next use: the API refused its keys.

        An answer of another account is worse: nothing more is asked of it for a while.
        """
        client = self._clients.get(source)
        if client is None:
            return
        self.reread(source)
        if isinstance(error, ForeignKeys):
            self._refusals.note(source, client.stamp, client.secret, error)

    async def drop_unused(self) -> None:
        """Close the clients of accounts that are gone, once nobody is pinned to them."""
        for key in [k for k in self._clients if not self.is_there(k)]:
            users = (self._cache.get(user) for user in self._cache.users_of(key))
            if not any(user is not None and user.pinned_account == key for user in users):
                await self._clients.pop(key).api.retire()
        self._refusals.keep(self._is_used)
        self._signed.sweep(self._is_used)
        self.contacts.keep(self._is_used)
        # Race: a client in the making, whose keys are being asked about, has its budget already.
        making = {key.namespace for key, lock in self._locks.items() if lock.locked()}
        kept = {(c.binding.source.namespace, c.binding.identity) for c in self._clients.values()}
        self._budgets = {at: b for at, b in self._budgets.items() if at in kept or at[0] in making}
        # Race: a lock looks free for a moment while it passes from one to the next.
        self._locks = {
            key: lock
            for key, lock in self._locks.items()
            if key in self._clients or lock.locked() or self._cache.get(key) is not None
        }

    def _is_used(self, source: ObjectKey) -> bool:
        """Whether an account has a client, or may be about to get one."""
        return source in self._clients or self.is_there(source)

    async def aclose(self) -> None:
        """Close every client."""
        for client in self._clients.values():
            await client.api.aclose()
        self._clients.clear()

    def _open(self, connection: AccountConnection, source: ObjectKey) -> GuardedAPI:
        """Return a guarded client; those of one account and namespace share a budget."""
        at, rate = (source.namespace, connection.identity), connection.requests_per_second
        budget = self._budgets.setdefault(at, Budget(self._clock, rate))
        budget.configure(rate)

        async def turn() -> None:
            await budget.acquire()
            # Race: it may have come after the lease, if it was long in coming.
            check_leadership(self._leadership)

        return GuardedAPI(
            self._cloud.connect(connection, turn),
            budget=budget,
            breaker=Breaker(self._clock),
            contact=self.contacts.of(source),
            leadership=self._leadership,
        )

    def _secret_of(self, account: KubeObject) -> ObjectKey | None:
        credentials = account.spec.get("credentials") or {}
        if credentials.get("source") == "Operator":
            return None
        namespace = account.key.namespace or self._settings.operator_namespace
        name = str((credentials.get("secretRef") or {}).get("name") or "")
        return ObjectKey("Secret", namespace, name)
