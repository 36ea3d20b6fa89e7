"""Planted bugs: each breaks one rule of the engine, and the harness has to find it.

Every bug is one small substitution, in force only while its context is entered. A bug that is not
found within a thousand seeds, by the invariant that it breaks, is a hole in the harness.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from agentrun_operator.api.client import AgentRunClient
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.kube import metadata_watch
from agentrun_operator.kube.lease import LeaseElector
from agentrun_operator.kube.reader import ReferenceReader
from agentrun_operator.kube.source import Watcher
from agentrun_operator.reconcile import (
    absence,
    accounts,
    asked,
    cache,
    corrections,
    deletion,
    deletion_event,
    endings,
    engine,
    facts,
    freshness,
    grants,
    guard,
    holds,
    leave,
    looking,
    named,
    observe,
    outcome,
    preparation,
    publishing,
    reconciler,
    report,
    status,
    survey,
    unanswered,
    writes,
)
from agentrun_operator.reconcile.accounts import AccountDirectory
from agentrun_operator.reconcile.admission import Admission
from agentrun_operator.reconcile.brake import Brake
from agentrun_operator.reconcile.cache import ObjectCache
from agentrun_operator.reconcile.claims import Claims
from agentrun_operator.reconcile.clients import AccountClients
from agentrun_operator.reconcile.memory import MemoryBank
from agentrun_operator.reconcile.outcome import Outcomes
from agentrun_operator.reconcile.poller import Poller
from agentrun_operator.reconcile.publications import Publications
from agentrun_operator.reconcile.queue import WorkQueue
from agentrun_operator.reconcile.redactors import Redactors
from agentrun_operator.reconcile.resync import Resync
from agentrun_operator.reconcile.workers import Workers
from soak import attack_mutations as a
from soak import cloud
from soak import mutations as m

Change = Callable[[Any], Any]
"""Takes what is there and returns what stands there instead: a function of `mutations`."""


@contextmanager
def swapped(*changes: tuple[Any, str, Change]) -> Iterator[None]:
    """Put something else in the place of attributes, for a while."""
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in changes]
    try:
        for owner, name, change in changes:
            setattr(owner, name, change(getattr(owner, name)))
        yield
    finally:
        for owner, name, old in before:
            setattr(owner, name, old)


@dataclass(frozen=True, slots=True)
class Bug:
    """One way to be wrong."""

    name: str
    story: str
    changes: tuple[tuple[Any, str, Change], ...]

    def plant(self) -> AbstractContextManager[None]:
        """Be wrong in that way for a while."""
        return swapped(*self.changes)


def _bug(name: str, story: str, *changes: tuple[Any, str, Change]) -> Bug:
    return Bug(name, story, changes)


_Looking, _Writing, _Deleting = looking.LookingSteps, writes.WritingSteps, deletion.DeletionSteps

ATTACK_BUGS: tuple[Bug, ...] = (
    _bug(
        "wrong-404-believed",
        "what a 404 said to be gone is never read again",
        (ObjectCache, "has_ended", m.always_false),
    ),
    _bug(
        "successor-claimed",
        "what took the place of one's own is one's own",
        (report.Reporter, "write", a.unwritten("adopted", a.while_observing)),
    ),
    _bug(
        "half-seen",
        "of what is back a LIST tells everything",
        (_Looking, "confirm", a.half_seen),
    ),
    _bug(
        "observer-creates",
        "Observe speaks of creating",
        (outcome, "progressing", a.speaks_of_creating),
    ),
    _bug(
        "map-not-given-up",
        "two that exchange their maps wait for each other",
        (publishing, "AlreadyExistsNotOwned", a.never_raised),
    ),
    _bug(
        "map-given-up",
        "a map is given up for who takes none",
        (KubeObject, "paused_until", a.pauses_of_others_ignored),
    ),
    _bug(
        "release-untold",
        "an account is not told that nobody holds it",
        (ObjectCache, "targets_of", a.without_accounts),
    ),
    _bug(
        "first-way-kept",
        "the Account that was named first stays on record",
        (report.Reporter, "write", a.unwritten("account", a.once_on_record)),
    ),
    _bug(
        "same-number-believed",
        "an Account of the same number leads to the same",
        (looking, "account_in_doubt", m.never),
        (accounts, "account_in_doubt", m.never),
    ),
    _bug(
        "one-way-out",
        "a deletion takes no other Account",
        (AccountDirectory, "bind_for_deletion", a.only_as_pinned),
    ),
    _bug(
        "namesake-hides",
        "a status tells of namesakes in other accounts",
        (preparation, "Target", a.placeless),
    ),
    _bug("ghost-served", "what ended is served again", (ObjectCache, "forget", a.not_for_good)),
    _bug(
        "namesake-dropped",
        "a namesake goes with a ghost",
        (ObjectCache, "forget", a.whoever_it_is),
        # Or the next event would have it read anew.
        (ObjectCache, "has_ended", m.always_false),
    ),
    _bug(
        "parent-unlooked",
        "a parent is where its status says, or nowhere",
        (preparation, "look_for_parent", m.no_conflict),
        (looking, "look_for_parent", m.no_conflict),
    ),
    _bug(
        "disputed-is-gone",
        "a GET's 404 makes anew what LISTs show",
        (survey, "ask_list", a.list_unasked(a.while_living)),
    ),
    _bug(
        "disputed-let-go",
        "a GET's 404 lets go of what LISTs show",
        (survey, "ask_list", a.list_unasked(a.while_deleting)),
    ),
    _bug(
        "replaced-granted",
        "a record lets one observe what replaced it",
        (grants.Grants, "refuses_view", a.found_ignored),
    ),
    _bug(
        "moved-untold",
        "nobody hears of a claim that moves to another account",
        (engine, "claim_of", a.wherever_it_lives),
    ),
    _bug(
        "moved-below-untold",
        "nobody hears of a claim that moves below another parent",
        (engine, "claim_of", a.whatever_the_parent),
    ),
    _bug("prefix-believed", "a status tells any prefix", (named, "doubt", m.never)),
    _bug(
        "prefix-followed",
        "an edited prefix renames",
        (KubeObject, "name_prefix", a.as_the_account_says),
    ),
    _bug(
        "keeper-unheard",
        "the record of who keeps is not read",
        (KubeObject, "retainer", a.by_nobody),
    ),
)
"""What `attacks` leads to."""

BUGS: tuple[Bug, ...] = (
    _bug("lookup-skipped", "a create without a look-up", (_Looking, "look", m.lookup_skipped)),
    _bug("mark-skipped", "a create without its mark", (report.Reporter, "write", m.mark_skipped)),
    _bug("unclaimed", "no finalizer", (reconciler, "row_of", m.deciding(m.unclaimed))),
    _bug("released-on-5xx", "5xx read as gone", (_Deleting, "delete", m.released_on_5xx)),
    _bug(
        "released-unconfirmed",
        "DELETE answered, read as gone",
        (_Deleting, "delete", m.released_unconfirmed),
    ),
    _bug(
        "failed-is-gone",
        "DELETE_FAILED read as gone",
        (reconciler, "row_of", m.deciding(m.failed_is_gone)),
    ),
    _bug("create-repeated", "a blind retry", (AgentRunClient, "create", m.create_repeated)),
    _bug("no-settle-window", "absence trusted", (absence, "window_passed", m.always_true)),
    _bug("answer-not-kept", "a wrong id is persisted", (AgentRunClient, "create", m.persisted_not)),
    _bug("stale-cache", "older versions taken in", (ObjectCache, "observe", m.stale_cache)),
    _bug(
        "defaults-compared",
        "what the server fills in is drift",
        (observe, "find_drift", m.defaults_compared),
    ),
    _bug("wake-up-lost", "an add in flight is dropped", (WorkQueue, "done", m.wake_up_lost)),
    _bug(
        "room-kept", "passes that ended count as in flight", (WorkQueue, "note_flight", m.room_kept)
    ),
    _bug("pin-ignored", "writes follow the reference", (preparation, "check_pin", m.never)),
    _bug("generation-ahead", "observed too much", (report, "compose", m.newest_generation)),
    _bug("foreign-adopted", "foreign tags ignored", (observe, "whose", m.everything_ours)),
    _bug(
        "adopted-deleted",
        "what was adopted is deleted",
        (KubeObject, "retains", m.always_false),
    ),
    _bug(
        "drift-ignored",
        "Ready although it drifts",
        (reconciler, "row_of", m.deciding(m.drift_ignored)),
    ),
    _bug(
        "observe-writes", "Observe corrects", (reconciler, "row_of", m.deciding(m.observing_writes))
    ),
    _bug("pause-ignored", "paused is not", (KubeObject, "paused_until", m.never)),
    _bug(
        "absent-by-list",
        "a LIST proves absence",
        (reconciler, "row_of", m.deciding(m.absent_by_list)),
    ),
    _bug("rotation-missed", "Secrets wake nobody", (engine.Engine, "reference_changed", m.never)),
    _bug("no-backoff", "retries at once", (Outcomes, "delay", m.no_backoff)),
    _bug("no-resync", "gaps stay", (Resync, "find_gone_and_gaps", m.nothing_gone_no_gaps)),
    _bug("barrier-skipped", "half a picture", (Resync, "wait_for_whole_picture", m.at_once)),
    _bug(
        "no-fencing",
        "the lease is not checked",
        (guard, "check_leadership", m.never),
        (Workers, "drain", m.drained_all_the_same),
    ),
    _bug("lease-for-ever", "no renew deadline", (LeaseElector, "is_valid", m.always_true)),
    _bug("holds-ignored", "users do not hold", (holds, "holders", m.nobody)),
    _bug(
        "name-conflicts-ignored",
        "two objects, one name",
        (Claims, "conflict", m.no_conflict),
    ),
    _bug(
        "poller-blind",
        "nobody is woken by a LIST, nor for want of one",
        (Poller, "wake", m.never_awaited),
        (MemoryBank, "overdue", m.nobody),
    ),
    _bug("times-move", "times without flips", (status, "merge_conditions", m.times_move)),
    _bug("secret-shown", "a value in a message", (Redactors, "opened", m.secret_in_message)),
    _bug("own-edit-lost", "an edit in our own answer", (engine, "asks_anew", m.always_false)),
    _bug(
        "edit-disowns",
        "an edit hides whose a lost create is",
        (KubeObject, "was_edited_since_mark", m.always_false),
    ),
    _bug("keys-dropped", "a Secret gone, its keys too", (AccountClients, "known", m.never)),
    _bug(
        "locked-out-is-gone",
        "no keys, read as gone",
        (reconciler, "row_of", m.deciding(m.locked_out_is_gone)),
    ),
    _bug(
        "lent-to-all",
        "nobody has to be allowed",
        (Admission, "check", m.no_conflict),
    ),
    _bug("one-namespace", "a namesake's Secret", (ReferenceReader, "secret", m.one_namespace)),
    _bug("relist-silent", "410 hides changes", (metadata_watch, "Stream", m.silent_again)),
    _bug("guard-asleep", "a stream ends unnoticed", (Watcher, "guard", m.asleep)),
    _bug(
        "never-contested", "nobody gives in", (corrections.CorrectedFields, "contested", m.nothing)
    ),
    _bug(
        "drift-not-told",
        "Report says Ready",
        (reconciler, "row_of", m.deciding(m.drift_not_told)),
    ),
    _bug("keys-unasked", "whose keys they are is not asked", (cloud, "OwnedKeys", m.keys_believed)),
    _bug(
        "absent-at-once",
        "one answer proves an absence",
        (absence, "seconds_to_proof", m.no_seconds),
    ),
    _bug(
        "counted-on-answer",
        "a lost correction is none",
        (corrections.CorrectedFields, "send_counted", m.counted_when_answered),
    ),
    _bug(
        "copy-proves",
        "a status proves whose it is, whoever wrote it",
        (cache, "own_part", m.unbound),
    ),
    _bug("record-first", "a record outweighs a mark", (observe, "whose", m.record_first)),
    _bug(
        "old-id-stays",
        "a record that a look disproves stays",
        (facts, "is_misrecorded", m.always_false),
    ),
    _bug(
        "record-erased",
        "a record goes before its successor's answer",
        (_Writing, "create", m.record_erased),
    ),
    _bug(
        "default-sent",
        "an update sends defaults of a create",
        (preparation, "Target", m.default_desired),
    ),
    _bug(
        "ready-for-ever",
        "Ready has no date",
        (looking, "patience_of", m.endless),
        (freshness, "patience_of", m.endless),
    ),
    _bug(
        "brake-off", "what is emptied is believed", (Brake, "engage_beyond_limit", m.always_false)
    ),
    _bug("report-writes", "Report sends what nobody edited", (asked, "compare", m.never)),
    _bug("map-unwatched", "nobody watches what is published", (Publications, "changed", m.never)),
    _bug("reach-granted", "nothing is lacking", (grants.Grants, "lacking", m.nobody)),
    _bug("taking-granted", "who takes asks nobody", (leave, "needed_to_take", m.never)),
    _bug("view-granted", "who observes asks nobody", (grants.Grants, "refuses_view", m.never)),
    _bug("late-undone", "a late update stays", (unanswered, "take_up", m.nobody)),
    _bug(
        "retained-untold",
        "DELETE is forgotten",
        (deletion_event, "went_out", m.always_false),
        (deletion, "may_have_gone_out", m.always_false),
    ),
    _bug("keeper-forgotten", "who keeps is not on record", (ObjectCache, "retainer", m.never)),
    _bug("place-forgotten", "an account places nothing", (writes, "account_values", a.no_values)),
    _bug("grace-for-ever", "outages are never told", (outcome, "is_in_grace", m.always_true)),
    *ATTACK_BUGS,
)

CRASH_BUGS: tuple[Bug, ...] = (
    _bug(
        "lost-is-foreign",
        "a create without its answer is disowned",
        (reconciler, "row_of", m.deciding(m.lost_is_foreign)),
    ),
    _bug(
        "ended-forgotten",
        "nobody removes what a dead process was to remove",
        (endings, "remove_forgotten", m.no_conflict),
    ),
)
"""What nothing but a crash at the right call shows: for the sweep to find."""
