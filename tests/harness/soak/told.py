"""Which invariant tells of which planted bug: the one that the bug breaks.

What another invariant tells of a history with a bug may be an accident: a fault of the engine that
is there without the bug as well, or a check that nobody meant for it.
"""

from collections.abc import Mapping

_TELLS: Mapping[str, tuple[str, ...]] = {
    "a map is quickly back": ("map-unwatched",),
    "a record stands": ("record-erased", "stale-cache", "prefix-followed"),
    "addresses stay": ("map-given-up",),
    "an edit is quick": ("guard-asleep",),
    "an account keeps": ("keeper-unheard",),
    "claimed before create": ("unclaimed",),
    "conditions": ("times-move",),
    "converges": (
        "defaults-compared",
        "wake-up-lost",
        "drift-ignored",
        "no-resync",
        "name-conflicts-ignored",
        "poller-blind",
        "own-edit-lost",
        "edit-disowns",
        "one-namespace",
        "late-undone",
        "half-seen",
        "map-not-given-up",
        "namesake-dropped",
        "keeper-forgotten",
    ),
    "disputed absence": ("disputed-is-gone",),
    "drift is admitted": ("drift-not-told",),
    "foreign account": ("keys-unasked",),
    "generation not ahead": ("generation-ahead",),
    "mass absence": ("brake-off",),
    "names are vouched for": ("prefix-believed",),
    "namespaces end": ("keys-dropped",),
    "namesakes are served": ("moved-untold", "moved-below-untold"),
    "no create is blind": (
        "lookup-skipped",
        "mark-skipped",
        "create-repeated",
        "no-settle-window",
        "absent-by-list",
    ),
    "no hot loop": ("no-backoff",),
    "no secret shown": ("secret-shown",),
    "no starvation": ("room-kept",),
    "nobody else's resource": (
        "foreign-adopted",
        "adopted-deleted",
        "copy-proves",
        "record-first",
        "successor-claimed",
    ),
    "nobody fights": ("never-contested", "counted-on-answer"),
    "nothing unasked": ("default-sent", "report-writes"),
    "observe only reads": ("observe-writes", "observer-creates"),
    "only the leader writes": ("no-fencing", "lease-for-ever"),
    "only who may": ("lent-to-all",),
    "own or granted": ("reach-granted", "taking-granted", "view-granted", "replaced-granted"),
    "paused": ("pause-ignored",),
    "pinned account": ("pin-ignored", "same-number-believed"),
    "places follow the account": ("place-forgotten",),
    "ready has a date": ("ready-for-ever", "grace-for-ever", "wrong-404-believed"),
    "ready is true": ("old-id-stays",),
    "released when gone": (
        "released-on-5xx",
        "released-unconfirmed",
        "failed-is-gone",
        "answer-not-kept",
        "locked-out-is-gone",
        "absent-at-once",
        "disputed-let-go",
        "namesake-hides",
        "parent-unlooked",
    ),
    "retained is true": ("retained-untold",),
    "rotation is quick": ("rotation-missed", "relist-silent"),
    "start-up barrier": ("barrier-skipped",),
    "what ended rests": ("ghost-served",),
    "what is free goes": ("release-untold", "first-way-kept", "one-way-out"),
    "users hold": ("holds-ignored",),
}

INVARIANT_OF: Mapping[str, str] = {
    bug: invariant for invariant, bugs in _TELLS.items() for bug in bugs
}
"""Bug → the invariant that it breaks."""
