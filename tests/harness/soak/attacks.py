"""Histories of faults that attacks have found and chance hardly meets, each undisturbed.

A step is (seconds after the start, method of `actions.Actions`, options).
"""

from collections.abc import Callable, Mapping
from typing import Any

from soak.slots import NAMESPACE, VARIANTS

Steps = tuple[tuple[float, str, dict[str, Any]], ...]
UNMARKED = ("solo", "svc", "tpl")
"""Slots of kinds whose resources carry no mark: nothing but a record tells whose they are."""
_UNSET = VARIANTS - 1
"""The variant without a description."""
_WAY = {"namespace": NAMESPACE}
_OBSERVES = {"managementPolicy": "Observe"}
_FAR = {"accountRef": {"kind": "ClusterAccount", "name": "other"}}


def _applied(
    at: float, slot: str, variant: int = 0, policies: Mapping[str, Any] | None = None
) -> Steps:
    return ((at, "apply", {"slot": slot, "variant": variant, "policies": policies}),)


def _made(*slots: str) -> Steps:
    return tuple(step for slot in slots for step in _applied(1.0, slot, policies={}))


def _observing(at: float, slot: str, value: str) -> Steps:
    return ((at, "policy", {"slot": slot, "field": "managementPolicy", "value": value}),)


def _succeeded(at: float, slot: str, seconds: float = 2.0, **options: Any) -> Steps:
    """Let a stranger's resource take the place of an object's, so many seconds later."""
    return (
        (at, "cloud_delete", {"slot": slot}),
        (at + seconds, "squat", {"slot": slot, "tag": "", **options}),
    )


def _not_served(slot: str) -> Steps:
    """A write is answered by 404, of an object that is there and is edited once more."""
    wrong = {"pattern": "status .*", "status": 404, "applied": False, "times": 1}
    edits = (*_applied(31.0, slot, 1), *_applied(35.0, slot, 2))
    return (*_made(slot), (30.0, "kube_fault", wrong), *edits)


def _strangers_taken(slot: str) -> Steps:
    """What an object made was replaced while it observed; then it manages, and goes."""
    return (
        *_made(slot),
        *_observing(25.0, slot, "Observe"),
        *_succeeded(30.0, slot),
        *_observing(100.0, slot, ""),
        (160.0, "delete", {"slot": slot}),
    )


def _strangers_cleared(slot: str) -> Steps:
    """The same, and meanwhile a field has left the spec."""
    return (
        *_made(slot),
        *_observing(25.0, slot, "Observe"),
        *_applied(27.0, slot, _UNSET),
        *_succeeded(30.0, slot),
        *_observing(100.0, slot, ""),
        (160.0, "expect_kept", {"slot": slot}),
    )


def _half_seen(slot: str) -> Steps:
    """What took the place of an observed resource lacks a field, and a LIST leaves that out."""
    return (
        *_made(slot),
        *_observing(25.0, slot, "Observe"),
        *_succeeded(40.0, slot, describes=False),
    )


def _observed_missing(slot: str) -> Steps:
    """What is observed goes, and comes back; nothing is ever created."""
    return (
        (0.0, "squat", {"slot": slot, "tag": ""}),
        *_applied(1.0, slot, policies=_OBSERVES),
        (30.0, "cloud_delete", {"slot": slot}),
        (120.0, "expect_unsaid", {"slot": slot, "reason": "Creating"}),
        (125.0, "squat", {"slot": slot, "tag": ""}),
    )


def _maps_exchanged(_slot: str) -> Steps:
    return (
        *_made("solo", "bare", "ep"),
        (50.0, "publish", {"slot": "solo", "config_map": "ep-address"}),
        (50.0, "publish", {"slot": "ep", "config_map": "solo-address"}),
    )


def _map_of_a_paused(_slot: str) -> Steps:
    """Who is paused takes no map, so the other one keeps its own."""
    return (
        *_made("solo", "bare", "ep"),
        (45.0, "annotate", {"slot": "ep", "what": "pause"}),
        (50.0, "publish", {"slot": "ep", "config_map": "solo-address"}),
        # Later, so that it knows whom it could give its own up for.
        (52.0, "publish", {"slot": "solo", "config_map": "ep-address"}),
        (70.0, "expect_map", {"namespace": NAMESPACE, "config_map": "solo-address"}),
    )


def _let_go(slot: str) -> Steps:
    """The last user of an account that is to go holds it no more, by an edit alone."""
    return (
        *_made(slot),
        (30.0, "account", {"what": "delete", **_WAY}),
        (47.0, "policy", {"slot": slot, "field": "deletionPolicy", "value": "Retain"}),
        (55.0, "expect_gone", {"kind": "Account", "name": "default", **_WAY}),
    )


def _repointed(slot: str) -> Steps:
    """An object that names another Account of the same number no longer needs the first."""
    return (
        *_made(slot),
        (20.0, "other_way", {"is_verified": True, **_WAY}),
        (30.0, "repoint", {"slot": slot}),
        (90.0, "account", {"what": "delete", **_WAY}),
        (150.0, "expect_gone", {"kind": "Account", "name": "default", **_WAY}),
    )


def _leads_elsewhere(slot: str) -> Steps:
    """An Account of the same number, of which nobody knows whose its keys are: another's."""
    return (
        *_made(slot),
        (20.0, "other_way", {"is_verified": False, **_WAY}),
        (30.0, "repoint", {"slot": slot}),
    )


def _deleted_by_another_way(slot: str) -> Steps:
    """The keys of the Account on record are gone; another one of the same number is named."""
    return (
        *_made(slot),
        (20.0, "other_way", {"is_verified": True, **_WAY}),
        (30.0, "account", {"what": "no-keys", **_WAY}),
        (30.5, "restart", {"graceful": False}),
        (45.0, "delete", {"slot": slot}),
        (50.0, "repoint", {"slot": slot}),
        (120.0, "expect_slot_gone", {"slot": slot}),
    )


def _namesakes_status(_slot: str) -> Steps:
    """The status of a namesake in another account stands in the place of an object's own."""
    return (
        *_made("solo"),
        *_applied(1.0, "b-solo", policies=_FAR),
        (40.0, "copy_status", {"slot": "b-solo", "replaces": True}),
        (40.0, "restart", {"graceful": False}),
    )


def _late_echo(slot: str) -> Steps:
    """A watch was silent while an object went, and tells afterwards what stood there before."""
    return (
        *_made(slot),
        (40.0, "delete", {"slot": slot}),
        (40.5, "silence", {"seconds": 80.0, "relists": False}),
        (41.0, "annotate", {"slot": slot, "what": "request"}),
        (121.0, "slow_watch", {"seconds": 15.0}),
        (120.0, "expect_rest", {"slot": slot, "seconds": 55.0}),
    )


def _made_anew(_slot: str) -> Steps:
    """The end of an object and its namesake are told in any order, again and again."""
    moments = (30.0, 55.0, 80.0, 105.0, 130.0)
    again = {"slot": "svc", "variant": 0}
    recreated = tuple((at, "recreate", again) for at in moments)
    expected = tuple((at + 20.0, "expect_ready", {"slot": "svc"}) for at in moments)
    return (*_made("svc"), *recreated, *expected)


def _parents_status(_slot: str) -> Steps:
    """What lives below a parent goes, while both have a status that tells of others."""
    both = ("bare", "ep")
    return (
        *_made(*both),
        *((40.0, "strange_status", {"slot": name}) for name in both),
        *((40.0, "delete", {"slot": name}) for name in both),
        (40.0, "restart", {"graceful": False}),
        *((150.0, "expect_slot_gone", {"slot": name}) for name in both),
    )


def _disputed(slot: str) -> Steps:
    """Every GET denies what every LIST shows, and somebody wants to know."""
    slots = (slot, "bare")
    return (
        *_made(*slots),
        (40.0, "dispute", {"seconds": 60.0}),
        *((41.0, "annotate", {"slot": name, "what": "request"}) for name in slots),
        *((150.0, "expect_ready", {"slot": name}) for name in slots),
    )


def _disputed_deletion(slot: str) -> Steps:
    """The same of what is to be deleted."""
    slots = (slot, "bare")
    return (
        *_made(*slots),
        (40.0, "dispute", {"seconds": 60.0}),
        *((41.0, "delete", {"slot": name}) for name in slots),
        *((150.0, "expect_slot_gone", {"slot": name}) for name in slots),
    )


def _moved(slot: str, waiting: str, field: str, value: Mapping[str, str]) -> Steps:
    """A claim that comes first and made nothing moves away, and another one waited for that."""
    return (
        *_applied(20.0, slot, policies={}),
        (20.0, "annotate", {"slot": slot, "what": "pause"}),
        *_applied(23.0, waiting, policies={}),
        # It has just tried: its next try on its own comes too late.
        (49.0, "annotate", {"slot": waiting, "what": "request"}),
        (50.0, "policy", {"slot": slot, "field": field, "value": value}),
        (55.0, "expect_begun", {"slot": waiting}),
        (70.0, "expect_ready", {"slot": waiting}),
    )


def _moved_elsewhere(_slot: str) -> Steps:
    """It moves to another account."""
    return _moved("solo", "twin", "accountRef", {"kind": "Account", "name": "other"})


def _moved_below(_slot: str) -> Steps:
    """It moves below another parent, and comes back too late."""
    there = {"slot": "ep", "field": "runtimeRef"}
    return (
        *_made("bare"),
        *_moved("ep", "twin-ep", "runtimeRef", {"name": "another"}),
        (100.0, "policy", {**there, "value": {"name": "bare"}}),
    )


def _own_replaced(slot: str) -> Steps:
    """What an object made was replaced while it observed: at once, or after it was missed."""
    slots = (slot, "bare")
    return (
        *_made(*slots),
        *(step for name in slots for step in _observing(25.0, name, "Observe")),
        *_succeeded(40.0, "bare"),
        *_succeeded(40.0, slot, seconds=40.0),
        *((150.0, "expect_hidden", {"slot": name}) for name in slots),
    )


def _neighbours_replaced(_slot: str) -> Steps:
    """The same of what a neighbour made, which observes as well by then."""
    makers, views = ("solo", "bare"), ("twin", "twin-bare")
    return (
        *_made(*makers),
        *(step for view in views for step in _applied(25.0, view, policies=_OBSERVES)),
        *((39.0, "expect_ready", {"slot": view}) for view in views),
        *(step for name in makers for step in _observing(40.0, name, "Observe")),
        *_succeeded(50.0, "bare"),
        *_succeeded(50.0, "solo", seconds=40.0),
        *((160.0, "expect_hidden", {"slot": name}) for name in (*makers, *views)),
    )


def _said(at: float, **given: str) -> Steps:
    """Let the account of the first namespace say something for its objects."""
    return ((at, "account_defaults", {"account": "own", **_WAY, "given": given}),)


def _restarted(at: float) -> Steps:
    return ((at, "restart", {"graceful": False}),)


def _forced_out(slot: str) -> Steps:
    """An account that keeps goes although it is held, and another one takes its place."""
    return (
        *_said(0.5, deletionPolicy="Retain"),
        *_made(slot, "bare"),
        (95.0, "force_out", {**_WAY, "seconds": 500.0}),
        *_restarted(95.5),
        (97.0, "delete", {"slot": "bare"}),
        (140.0, "delete", {"slot": slot}),
    )


def _prefix_edited(slot: str) -> Steps:
    """The prefix is edited while objects live, one of which vanishes then."""
    return (
        *_said(0.5, namePrefix="p-"),
        *_made(slot, "bare"),
        *_said(40.0, namePrefix="{namespace}-"),
        *_restarted(41.0),
        *_applied(60.0, slot, 1),
        (70.0, "cloud_delete", {"slot": "bare"}),
        *_said(100.0),
        *_applied(110.0, "bare", 2),
    )


def _prefix_forged(slot: str) -> Steps:
    """Somebody writes a prefix into a status that makes the name of a stranger's resource."""
    return (
        *_made(slot, "bare"),
        *_restarted(39.0),
        *((40.0, "forge_prefix", {"slot": name, "prefix": "x-"}) for name in (slot, "bare")),
        *_applied(50.0, slot, 1),
        *((80.0, "delete", {"slot": name}) for name in (slot, "bare")),
        *(
            (130.0, "policy", {"slot": name, "field": "deletionPolicy", "value": "Retain"})
            for name in (slot, "bare")
        ),
    )


LENT_ATTACKS: tuple[Callable[[str], Steps], ...] = (_forced_out,)
"""Those about an account that is there beside the namespace's own."""
STRICT_ATTACKS: tuple[Callable[[str], Steps], ...] = (_own_replaced, _neighbours_replaced)
"""Those about an account that is shared, where hardly anything is granted."""

ATTACKS: tuple[Callable[[str], Steps], ...] = (
    _not_served,
    _strangers_taken,
    _strangers_cleared,
    _half_seen,
    _observed_missing,
    _maps_exchanged,
    _map_of_a_paused,
    _let_go,
    _repointed,
    _leads_elsewhere,
    _deleted_by_another_way,
    _namesakes_status,
    _late_echo,
    _made_anew,
    _parents_status,
    _disputed,
    _disputed_deletion,
    _moved_elsewhere,
    _moved_below,
    *STRICT_ATTACKS,
    _prefix_edited,
    _prefix_forged,
    *LENT_ATTACKS,
)
"""Each takes the slot that it is about."""
