"""What can happen at some moment of a history: each maker draws the name and options of a step."""

from collections.abc import Callable
from typing import Any

from soak.chance import Chance
from soak.naming import PREFIXES, WORKSPACES
from soak.slots import NAMESAKES, SLOTS, VARIANTS

Maker = Callable[[Chance, list[str]], tuple[str, dict[str, Any]]]
"""Names are those of `actions.Actions`."""

# ---------------------------------------------------------------- users


def slot(chance: Chance, names: list[str]) -> str:
    return chance.choice("which", names)


def edit(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    variant = int(chance.unit("variant") * VARIANTS)
    return "apply", {"slot": slot(chance, names), "variant": variant, "policies": None}


def delete(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    return "delete", {"slot": slot(chance, names)}


def recreate(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    return "recreate", {
        "slot": slot(chance, names),
        "variant": int(chance.unit("variant") * VARIANTS),
    }


def annotate(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    what = chance.choice("annotation", ("pause", "pause-until", "unpause", "request", "force"))
    return "annotate", {"slot": slot(chance, names), "what": what}


def policy(chance: Chance) -> tuple[str, str]:
    return chance.choice(
        "policy",
        (
            ("deletionPolicy", "Retain"),
            ("deletionPolicy", "Delete"),
            ("adoptionPolicy", "Adopt"),
            ("adoptionPolicy", "Never"),
            ("managementPolicy", "Observe"),
            ("driftPolicy", "Report"),
            ("driftPolicy", "Ignore"),
        ),
    )


def edit_policy(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    field_name, value = policy(chance)
    if chance.happens("policy off", 0.4):
        value = ""
    return "policy", {"slot": slot(chance, names), "field": field_name, "value": value}


def secret(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    what = chance.choice("secret", ("rotate", "rotate", "back", "delete", "malformed", "touch"))
    return "secret", {"what": what, "namespace": SLOTS[slot(chance, names)].namespace}


def config_map(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    what = chance.choice("config map", ("rotate", "rotate", "delete"))
    return "config_map", {"what": what, "namespace": SLOTS[slot(chance, names)].namespace}


def account(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    what = chance.choice("account", _ACCOUNTS)
    return "account", {"what": what, "namespace": SLOTS[slot(chance, names)].namespace}


def foreign_keys(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    return "foreign_keys", {"namespace": SLOTS[slot(chance, names)].namespace}


def gone_and_back(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    return "gone_and_back", {
        "namespace": SLOTS[slot(chance, names)].namespace,
        "what": chance.choice("what goes", ("secret", "account", "both")),
        "seconds": chance.choice("goes for", (3.0, 15.0, 40.0)),
    }


def defaults(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    policy = chance.choice("default policy", ("", "Retain", "Retain", "Retain", "Delete"))
    prefix = chance.choice("default prefix", ("", *PREFIXES))
    place = chance.choice("default place", ("", "", *WORKSPACES))
    given = {"deletionPolicy": policy, "namePrefix": prefix, "workspace": place}
    return "account_defaults", {
        "account": chance.choice("whose defaults", ("own", "own", "shared", "other")),
        "namespace": SLOTS[slot(chance, names)].namespace,
        "given": {name: value for name, value in given.items() if value},
    }


def force_out(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    return "force_out", {
        "namespace": SLOTS[slot(chance, names)].namespace,
        "seconds": chance.choice("forced out for", (5.0, 30.0, 60.0)),
    }


def retain_late(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    return "retain_late", {
        "slot": slot(chance, names),
        "seconds": chance.choice("retains after", (0.3, 1.0, 2.5, 6.0)),
    }


def restart_policy(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    value = chance.choice("restart policy", ("Always", "Always", "Never", ""))
    return "policy", {"slot": "box", "field": "restartPolicy", "value": value}


def old_status(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    return "old_status", {"slot": slot(chance, names), "share": round(chance.unit("how old"), 2)}


def take_over(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    marked = [name for name in names if SLOTS[name].kind == "AgentRuntime"] or ["bare"]
    return "take_over", {"slot": chance.choice("taken over", marked)}


def copy_status(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    copies = [name for name, of in NAMESAKES.items() if of in names] or sorted(NAMESAKES)
    return "copy_status", {"slot": chance.choice("copied", copies)}


REACHING = ("b-run", "b-bare", "b-solo")
"""Slots of the second namespace that can name what is the first one's."""
COVETED = {"b-run": "cred", "b-bare": "bare", "b-solo": "solo"}
"""What of the first namespace each of them is after."""


def reach(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    name = slot(chance, names)
    ways = ("credential", "role", "service") if name == "b-run" else ("role", "force", "observe")
    what = chance.choice("reaches for", ways)
    if what == "force":
        return "annotate", {"slot": name, "what": "force"}
    if what == "observe":
        return "policy", {"slot": name, "field": "managementPolicy", "value": "Observe"}
    return "reach", {"slot": name, "what": what}


def address_map(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    return "address_map", {
        "slot": slot(chance, names),
        "what": chance.choice("map", ("delete", "edit", "orphan")),
    }


_ACCOUNTS = (
    "bad-keys",
    "no-keys",
    "good-keys",
    "good-keys",
    "delete",
    "move",
    "lend",
    "own",
    "revoke",
    "allow",
)

# ---------------------------------------------------------------- the cloud


def cloud_edit(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    name = slot(chance, names)
    # Whose users never edit it: it must go along as it stands where it is not corrected.
    is_other = SLOTS[name].object_name == "run" and chance.happens("another field", 0.5)
    return "cloud_edit", {"slot": name, "field": "cpu" if is_other else "description"}


def fight(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    return "fight", {
        "slot": slot(chance, names),
        "seconds": chance.choice("fights", (20.0, 140.0)),
    }


def cloud_delete(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    return "cloud_delete", {"slot": slot(chance, names)}


def squat(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    tag = chance.choice("tag", ("", "k8s:elsewhere/team-a/x", "x-agentrun-super"))
    return "squat", {"slot": slot(chance, names), "tag": tag}


_FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("error", {"status": 503}),
    ("error", {"status": 500, "code": "ERR_INTERNAL_SERVER_ERROR", "applied": True}),
    ("error", {"status": 429, "code": "Throttling.User"}),
    (
        "error",
        {"status": 429, "code": "Throttling.User", "headers": {"retry-after": "7"}},
    ),
    ("error", {"status": 403, "code": "NoPermission", "message": "not allowed"}),
    ("error", {"status": 403, "code": "QuotaExceeded", "message": "no room"}),
    ("html", {"status": 502}),
    ("html", {"status": 502, "applied": True}),
    ("html", {"status": 404}),
    ("empty", {"status": 200}),
    ("empty", {"status": 200, "applied": True}),
    ("empty", {"status": 503}),
    ("drop-before", {}),
    # Within the read timeout, and beyond it. Neither beyond the settle window: the engine counts
    # on a create being carried out by then, or not at all.
    ("delay", {"seconds": 4.0}),
    ("delay", {"seconds": 9.0}),
    ("slow", {"seconds": 60.0}),
)
_ACTIONS = (".*", "Create.*", "Update.*", "Delete.*", "Get.*", "List.*")


def fault(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    effect, options = chance.choice("fault", _FAULTS)
    times = chance.choice("fault times", (1, 1, 2, 5))
    action = chance.choice("fault action", _ACTIONS)
    return "fault", {"effect": effect, "action": action, "times": times, **options}


def lost_answer(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    effect = chance.choice("lost", ("drop-after", "drop-after", "drop-late", "drop-before"))
    action = chance.choice("lost action", ("Create.*", "Create.*", "Update.*", "Delete.*"))
    options: dict[str, Any] = {"effect": effect, "action": action, "times": 1}
    if effect == "drop-late":
        options["seconds"] = chance.choice("late by", (2.0, 8.0, 14.0))
    return "fault", options


def lie(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    """Shorter than the time between the two answers that prove an absence."""
    return "lie", {
        "seconds": 1.8,
        "times": chance.choice("lies", (1, None)),
        "action": chance.choice("lies about", ("Get.*", "List.*", "Get.*|List.*")),
    }


def outage(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    return "outage", {"seconds": chance.choice("out for", (20.0, 110.0))}


def failure(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    effect = chance.choice("failure", ("create-failed", "update-failed", "delete-failed"))
    return "fault", {"effect": effect, "action": ".*", "times": chance.choice("fails", (1, 2))}


# ---------------------------------------------------------------- the cluster


def kube_fault(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    pattern = chance.choice(
        "kube call", ("status .*", "patch .*", "get .*", "list .*", "post .*", "watch .*", ".*")
    )
    return "kube_fault", {
        "pattern": pattern,
        "status": chance.choice("kube status", (409, 429, 500, 503, 401, 410)),
        "applied": chance.happens("kube applied", 0.3),
        "times": chance.choice("kube times", (1, 1, 3, 10)),
    }


def crd(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    seconds = chance.choice("without CRD", (2.0, 30.0, 70.0))
    return "crd", {"kind": SLOTS[slot(chance, names)].kind, "seconds": seconds}


def silence(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    return "silence", {
        "seconds": round(chance.between("silent", 5, 60), 1),
        "relists": chance.happens("relists", 0.5),
    }


def cut_watch(chance: Chance, names: list[str]) -> tuple[str, dict[str, Any]]:
    nth = chance.choice("every nth", (1, 2, 5))
    what = chance.choice("cut", ("cut", "cut", "expire", "compact", "lost"))
    if what == "expire":
        return "expire", {"nth": nth}
    if what == "lost":
        return "lose_watch", {"slot": slot(chance, names)}
    return "hang_up", {"nth": nth, "expires": what == "compact"}


def slow_watch(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    return "slow_watch", {"seconds": round(chance.between("slow", 1, 15), 1)}


# ---------------------------------------------------------------- the process

_CALLS = (
    "Create.*",
    "Update.*",
    "Delete.*",
    "Get.*",
    "List.*",
    "status .*",
    "patch .*",
    "get .*",
    "list .*",
    "watch .*",
    ".*",
)


def crash(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    return "crash", {
        "pattern": chance.choice("crash at", _CALLS),
        "is_after": chance.happens("crash after", 0.7),
        "nth": chance.choice("crash nth", (1, 1, 2, 3)),
    }


def restart(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    return "restart", {"graceful": chance.happens("graceful", 0.6)}


def freeze(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    return "freeze", {"seconds": chance.choice("frozen", (3.0, 9.0, 14.0, 25.0, 60.0))}


def jump(chance: Chance, _names: list[str]) -> tuple[str, dict[str, Any]]:
    return "jump", {"seconds": chance.choice("jump", (-300.0, -20.0, 20.0, 300.0))}
