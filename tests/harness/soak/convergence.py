"""What "converged" means for each object, given what users and the cloud did to it."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from agentrun_operator.core.identity import RECONCILE_REQUESTED_ANNOTATION, ObjectKey
from agentrun_operator.core.redaction import HIDDEN
from agentrun_operator.core.shown import UNSET
from agentrun_operator.reconcile.outcome import UNRESOLVED
from agentrun_operator.reconcile.ports import Json
from agentrun_operator.reconcile.world import World
from agentrun_simulator.store import Record
from fakes.kube_server import OURS
from soak.absences import accepts
from soak.claims import shared_records
from soak.cloud import MAIN
from soak.conditions import message_of, ready_of
from soak.naming import name_of
from soak.obstacles import Obstacles
from soak.restores import map_of
from soak.slots import NAMESPACES, SLOT_OF, SLOTS, Slot, held, is_ours, wanted

if TYPE_CHECKING:
    from soak.simulation import Simulation

_DISOWNED = ("ExternalNameConflict", "AlreadyExistsNotOwned", "NotGranted")
_ADDRESSES = {"ModelProxy": "endpoint", "AgentRuntimeEndpoint": "endpointPublicUrl"}
"""By kind: the field of a resource whose value is published."""
_READ_ALIKE = ("description", "executionRoleArn")
"""Fields that are written alike in a spec and in the API, most of them changed by an adoption."""
_LOCKED_OUT = ("DeletionBlocked", "CredentialsNotFound", "CredentialsInvalid")
"""What an object that is to be deleted says when its account cannot be reached."""


_MARK_SECONDS = 65.0
"""Two steady poll intervals, of which a refused LIST may take one, and some time to act."""
_WAITING = frozenset(error.reason.value for error in UNRESOLVED)
_HELD_SECONDS = 25.0
"""After a report of waiting the next one is held back for 20 seconds; then its pass has to come."""


class Convergence:
    """Compares every object with the cloud."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._kube = simulation.kube
        self._tenants = simulation.actions.tenants
        self._obstacles = Obstacles(simulation)

    def problems(self) -> list[str]:
        """Say of each object why it is not as it has to be."""
        self._simulation.cloud.take_stock()
        shared = shared_records(self._kube)
        return [*self._surroundings(), *self._accounts(), *self._objects(), *shared]

    def _surroundings(self) -> Iterator[str]:
        """Say what keeps the world moving, whatever the objects look like."""
        leads = [p for p in self._simulation.living() if p.engine and p.engine.is_synced]
        if not leads:
            yield "nobody leads"
        if self._simulation.cloud.is_busy:
            yield "a request is still on its way"
        moments = self._simulation.actions.restores.taken_over.values()
        if any(self._simulation.loop.time() - at < _MARK_SECONDS for at in moments):
            yield "another cluster's mark may not be seen yet"
        held = {
            key: raw["metadata"]["resourceVersion"]
            for key, raw in self._kube.objects.items()
            if key.kind in OURS
        }
        for process in leads:
            if process.wire.frozen_until > self._simulation.loop.time():
                yield f"{process.name} stands still"
            assert process.world is not None
            cache = process.world.cache
            known = {key: str(cache.version(key)) for key in cache.keys()}  # noqa: SIM118
            if process.watch is not None and not process.watch.is_complete:
                yield f"{process.name} began without the CRD of a kind, and will end"
            yield from self._open_ends(process.name, process.world, known)
            # What a watch lost is found by the resync, and only then acted upon.
            stale = sorted(k for k in held.keys() | known if held.get(k) != known.get(k))
            if stale:
                yield f"{process.name} holds another version of {stale[0]}"

    def _open_ends(self, name: str, world: World, known: Iterable[ObjectKey]) -> Iterator[str]:
        """Say what one process has still to do."""
        if world.clients.are_refusing:
            yield f"{name} still answers with a refusal of the cloud"
        for key in known:
            notes = world.memory.peek(key)
            if notes is not None and notes.conflicts.count:
                yield f"{name} has a refused write of {key} to repeat"
            if notes is not None and _may_be_held(self._kube.objects.get(key)):
                told = world.clock.monotonic() - notes.reported.at
                if told < _HELD_SECONDS:
                    yield f"{name} may hold back what {key} waits for now"

    def left(self) -> list[str]:
        """Say which objects are not gone yet, although everything was deleted.

        What the cloud refuses to delete, because a resource that was kept refers to it, stays;
        so does the account that it lives in.
        """
        return [problem for namespace in NAMESPACES for problem in self.left_in(namespace)]

    def left_in(self, namespace: str) -> list[str]:
        """Say the same of one namespace, and of the shared accounts if nobody uses them."""
        for key in self._obstacles.places():
            account = self._kube.find(key)
            if account is not None:
                # What is to go may have gone with much else: then a human says that it may.
                accepts(self._simulation, key, account)
        found, needed = [], False
        for slot in SLOTS.values():
            raw = self._kube.find(slot.key)
            if raw is None or slot.namespace != namespace:
                continue
            if self._is_needed_in_the_cloud(slot, raw):
                needed = True
                continue
            found.append(f"{slot.name}: {ready_of(raw)}")
            if self._is_lost(slot, raw):
                self._tenants.give_up_object(slot.key)
        if not needed:
            mine = [k for k in self._kube.objects if k.kind == "Account"]
            found += [self._said(k) for k in mine if k.namespace == namespace]
        if all(key not in SLOT_OF for key in self._kube.objects):
            shared = self._kube.of_kind("ClusterAccount")
            leaving = [raw for raw in shared if "deletionTimestamp" in raw["metadata"]]
            found += [self._said(ObjectKey.of(raw, "ClusterAccount")) for raw in leaving]
        return found

    def _is_lost(self, slot: Slot, raw: Json) -> bool:
        """Whether an object has no record of a resource, nor of the parent to look below.

        Then it cannot know whether there is one, and its message asks a human to give it up.
        """
        parents = [self._kube.find(SLOTS[name].key) for name in slot.needs]
        # What a parent has on record is not its own while another one comes first.
        has_parent = any(
            p is not None and p["status"].get("externalId") and ready_of(p)[1] not in _DISOWNED
            for p in parents
        )
        is_blocked = ready_of(raw)[1] == "DeletionBlocked"
        return slot.is_below_another and is_blocked and _was_restored(raw) and not has_parent

    def _said(self, key: ObjectKey) -> str:
        return f"{key}: {ready_of(self._kube.objects[key])}"

    def silent_in(self, namespaces: list[str]) -> list[str]:
        """Say which objects of namespaces that nobody has the keys of do not say so."""
        found = []
        for slot in SLOTS.values():
            raw = self._kube.find(slot.key)
            if raw is not None and slot.namespace in namespaces:
                reason = ready_of(raw)[1]
                if reason not in _LOCKED_OUT and not self._is_needed_in_the_cloud(slot, raw):
                    found.append(f"{slot.name} does not say why it stays: {ready_of(raw)}")
        return found

    def _is_needed_in_the_cloud(self, slot: Slot, raw: Json) -> bool:
        record = self._simulation.cloud.resource_of(slot, raw, raw["status"])
        is_refused = "when nothing in AgentRun uses it any more" in message_of(raw)
        if record is None or not (is_refused or ready_of(raw)[1] == "Updating"):
            # It has not been asked yet, or is going.
            return False
        account = (raw["status"].get("account") or {}).get("accountId") or MAIN.account_id
        return any(True for _ in self._simulation.cloud.tenant(account).users(record))

    def _accounts(self) -> Iterator[str]:
        for key in self._obstacles.places():
            account = self._kube.find(key)
            if account is None:
                self._tenants.restore_accounts()
                yield f"{key} was missing"
            elif accepts(self._simulation, key, account):
                yield f"{key}: somebody accepts what is gone"
            elif "deletionTimestamp" in account["metadata"]:
                if not self._is_leaving(account):
                    yield f"{key} is still being deleted: {ready_of(account)}"
            elif ready_of(account)[0] != "True":
                yield f"{key}: {ready_of(account)}"

    def _objects(self) -> Iterator[str]:
        for slot in SLOTS.values():
            raw = self._kube.find(slot.key)
            if raw is None:
                continue
            if "deletionTimestamp" in raw["metadata"]:
                is_held = ready_of(raw)[1] == "DeletionBlocked" and self._users(slot)
                if not is_held and not self._is_needed_in_the_cloud(slot, raw):
                    if self._is_lost(slot, raw):
                        self._tenants.give_up_object(slot.key)
                    yield f"{slot.name} is still being deleted: {ready_of(raw)}"
            elif not _is_observed(raw):
                yield f"{slot.name}: not observed as it is, {ready_of(raw)}"
            elif self._is_given_up(slot, raw) and self._somebody_asks_again(slot):
                yield f"{slot.name}: somebody asks to try again"
            elif not self._obstacles.excuses(slot, raw):
                for problem in self._differences(slot, raw):
                    yield f"{slot.name}: {problem}"

    def _is_given_up(self, slot: Slot, raw: Json) -> bool:
        """Whether nothing is tried any more before somebody asks for it.

        Another master who undoes an update before the next look shows what an API would show that
        takes updates and carries none out, or that clears no field.
        """
        reason, actions = ready_of(raw)[1], self._simulation.actions
        record = self._simulation.cloud.resource_of(slot, raw, raw["status"])
        is_undone = {
            "UnexpectedEcho": record in actions.contested,
            "CannotClear": record in actions.edited | actions.contested,
        }
        return reason == "ProviderFailed" or is_undone.get(reason, False)

    def _somebody_asks_again(self, slot: Slot) -> bool:
        """Take the way out that a failure names, once; returns whether that was done."""
        return self._simulation.actions.ask_again(slot.name)

    def _is_leaving(self, account: Json) -> bool:
        """Whether the account is held by objects that stay."""
        return ready_of(account)[1] == "DeletionBlocked" and any(
            self._kube.find(slot.key) is not None for slot in SLOTS.values()
        )

    def _users(self, slot: Slot) -> list[str]:
        """Return the objects that refer to a slot, and have a resource, or may have one."""
        found = []
        for user in SLOTS.values():
            raw = self._kube.find(user.key)
            status = (raw or {}).get("status") or {}
            has_one = status.get("externalId") or status.get("creation")
            may_have_one = raw is not None and _was_restored(raw)
            if slot.name in user.needs and (has_one or may_have_one):
                found.append(user.name)
        return found

    # ------------------------------------------------ the cloud against the spec

    def _differences(self, slot: Slot, raw: Json) -> Iterator[str]:
        status, reason = ready_of(raw)
        if status != "True":
            yield f"{status}/{reason}: {message_of(raw)}"
            return
        record = self._simulation.cloud.resource_of(slot, raw, raw["status"])
        if record is None:
            yield "Ready, and the cloud has no resource of it"
            return
        shown = raw["status"].get("atProvider", {}).get("state")
        if record.status and (not slot.is_ready(record.status) or shown != record.status):
            yield f"Ready, the cloud says {record.status}, status says {shown}"
        spec = raw["spec"]
        yield from self._simulation.actions.defaults.problems(raw)
        yield from self._address(slot, raw, record)
        observes = spec.get("managementPolicy") == "Observe"
        leaves_it = observes or spec.get("driftPolicy") == "Ignore"
        # What left the spec is told as long as the resource still shows a value of ours.
        for field in [name for name in _READ_ALIKE if leaves_it and name in spec]:
            differs = held(record.data, field) != spec[field]
            if differs != (field in message_of(raw)):
                yield f"Ready, and says of a difference: {message_of(raw)}"
            if differs and _shows_another(raw, field, held(record.data, field)):
                yield f"Ready, and status.drift shows another {field} than the cloud has"
        if leaves_it:
            # A Secret that was made anew is no edit: what is in it may be the same.
            return
        yield from self._drift(slot, raw, record)
        if self._names_an_old_secret(slot, raw):
            yield "Ready, and sentSecrets names another version"

    def _names_an_old_secret(self, slot: Slot, raw: Json) -> bool:
        """Whether another version of a Secret was sent than the one that is there.

        Under Report one that a backup made anew is no edit of an object from the same backup: what
        is in it may be the same, and what is in the cloud is compared by its value.
        """
        keys = self._kube.find(ObjectKey("Secret", slot.namespace, "keys")) or {"metadata": {}}
        uid, version = keys["metadata"].get("uid"), keys["metadata"].get("resourceVersion")
        is_limited = raw["spec"].get("driftPolicy") == "Report"
        return any(
            sent["version"] != f"{uid}/{version}"
            for sent in raw["status"].get("sentSecrets") or ()
            if not is_limited or sent["version"].startswith(f"{uid}/")
        )

    def _address(self, slot: Slot, raw: Json, record: Record) -> Iterator[str]:
        """Compare the cloud with what the object publishes of it."""
        published = map_of(slot, raw)
        if published is not None:
            told = (self._kube.find(published) or {}).get("data")
            want = held(record.data, _ADDRESSES[slot.kind])
            if told != {"url": want}:
                yield f"Ready, and {published} says {told} instead of {want!r}"

    def _drift(self, slot: Slot, raw: Json, record: Record) -> Iterator[str]:
        """Compare the cloud with what the spec and its references say."""
        spec = raw["spec"]
        token, level = self._tenants.token(slot.namespace), self._tenants.level(slot.namespace)
        names = {name: name_of(self._kube, SLOTS[name]) for name in slot.needs}
        for path, want in wanted(slot, spec, token, level, names).items():
            have = held(record.data, path)
            if have != want:
                yield f"Ready, and {path} is {have!r} instead of {want!r}"
        have = held(record.data, "description")
        # What a former object had applied to a resource is not this one's to clear, whether it was
        # adopted or recognised by its tag.
        maker = self._simulation.cloud.ledger[record].uid
        is_its_own = slot.name != "box" and maker == raw["metadata"]["uid"]
        # Nor does a status from a backup tell what was applied after that.
        is_its_own &= slot.key not in self._simulation.actions.restores.written_at
        if "description" not in spec and is_its_own and is_ours(have):
            yield f"Ready, and the description {have!r} was not cleared"


def _shows_another(raw: Json, field: str, value: object) -> bool:
    """Whether `status.drift` shows what a former look found, so that the next one will write.

    What is masked, because it may be a secret of the resource, tells nothing.
    """
    shown = {entry["path"]: entry["observed"] for entry in raw["status"].get("drift") or ()}
    want = ("", UNSET) if not value else (value,)
    return field in shown and HIDDEN not in shown[field] and shown[field] not in want


def _is_observed(raw: Json) -> bool:
    """Whether a status speaks of the spec as it is, and of the last request."""
    status, meta = raw["status"], raw["metadata"]
    if _was_restored(raw):
        return len(status) > 1
    request = meta.get("annotations", {}).get(RECONCILE_REQUESTED_ANNOTATION)
    is_heard = request in (None, status.get("lastRequest"))
    return bool(status.get("observedGeneration") == meta["generation"] and is_heard)


def _may_be_held(raw: Json | None) -> bool:
    """Whether an object says that it waits: what it waits for next is held back for a while."""
    return raw is not None and ready_of(raw)[1] in _WAITING


def _was_restored(raw: Json) -> bool:
    """Whether an object came back without a status, and nobody could look for what it had made.

    Until then its generation does not count as observed.
    """
    status = raw["status"]
    has_record = status.get("creation") or status.get("externalId")
    is_claimed = bool(raw["metadata"].get("finalizers"))
    return is_claimed and not has_record and status.get("observedGeneration") == -1
