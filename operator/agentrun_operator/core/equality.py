"""Whether two wire values mean the same: spelling, order and the server's own additions aside.

An empty value and absence are one: APIs drop `""`, `0`, `false`, `[]` and `{}`, or add them.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from agentrun_operator.core.field_rule import FieldRule
from agentrun_operator.core.paths import item_labels, read_path


def same(rule: FieldRule, desired: Any, seen: Any, *, partial: bool) -> bool:
    """Whether an observed wire value, None when absent, fulfils a desired one.

    `partial` tells a LIST item, whose missing fields say nothing.
    """
    if rule.is_list:
        return _same_list(rule, desired, seen if isinstance(seen, list) else [], partial=partial)
    return _same_one(rule, desired, seen, partial=partial)


def same_scalar(desired: Any, seen: Any) -> bool:
    """Whether two scalars mean the same: a number may come back as text, a switch as absent."""
    if not desired and not seen:
        return True
    if isinstance(desired, bool) or isinstance(seen, bool):
        return _truth(desired) is not None and _truth(desired) is _truth(seen)
    if isinstance(desired, int | float) or isinstance(seen, int | float):
        number = _number(desired)
        return number is not None and number == _number(seen)
    return bool(desired == seen)


def _truth(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


def _number(value: Any) -> Decimal | None:
    if not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(value if isinstance(value, int) else str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _same_one(rule: FieldRule, desired: Any, seen: Any, *, partial: bool) -> bool:
    if rule.children:
        inner = seen if isinstance(seen, Mapping) else {}
        return all(_same_child(child, desired, inner, partial=partial) for child in rule.children)
    if rule.exact_map:
        return _same_map(desired, seen)
    return _same_document(rule, desired, seen)


def _same_child(
    rule: FieldRule, desired: Mapping[str, Any], owner: Mapping[str, Any], *, partial: bool
) -> bool:
    if rule.api not in desired or rule.write_only:
        return True
    seen, present = read_path(owner, rule.reads)
    if partial and not present:
        return True
    return same(rule, desired[rule.api], seen, partial=partial)


def _same_map(desired: Any, seen: Any) -> bool:
    if not (isinstance(desired, Mapping) and isinstance(seen, Mapping)):
        return _contains(desired, seen)
    is_ours = seen.keys() <= desired.keys()
    return is_ours and all(_contains(value, seen.get(key)) for key, value in desired.items())


def _same_document(rule: FieldRule, desired: Any, seen: Any) -> bool:
    if rule.document is None or not (isinstance(desired, Mapping) and isinstance(seen, Mapping)):
        return _contains(desired, seen)
    owned, sets = rule.document.owned, rule.document.sets
    rest = {k: v for k, v in desired.items() if k not in owned and k not in sets}
    return (
        _contains(rest, seen)
        and all(_same_map(desired[k], seen.get(k)) for k in owned if k in desired)
        and all(_same_set(key, desired[k], seen.get(k)) for k, key in sets.items() if k in desired)
    )


def _same_set(key: str, desired: Any, seen: Any) -> bool:
    if not (_are_objects(desired) and _are_objects(seen)):
        return _contains(desired, seen)
    there = {str(item.get(key)): item for item in seen}
    mine = [(item, there.get(str(item.get(key)))) for item in desired]
    is_one_to_one = len(desired) == len(seen) == len(there) or desired == seen
    return is_one_to_one and all(_contains(d, s) for d, s in mine)


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)


def _contains(desired: Any, seen: Any) -> bool:
    """Whether every value of a free-form document is there; the server may add its own."""
    if isinstance(desired, Mapping):
        inner = seen if isinstance(seen, Mapping) else {}
        return all(_contains(value, inner.get(name)) for name, value in desired.items())
    if isinstance(desired, list):
        items = seen if isinstance(seen, list) else []
        return len(desired) == len(items) and all(map(_contains, desired, items))
    return same_scalar(desired, seen)


def pair_items(
    rule: FieldRule, desired: Sequence[Any], seen: Sequence[Any], *, partial: bool = False
) -> tuple[tuple[str, Any, Any], ...]:
    """Return (label, desired item, observed item) for the items of a list that belong together.

    They do by place, by key, or, where the order says nothing and there is no key, by what they
    hold. The label is the one of `item_labels` for the desired item.
    """
    labels = item_labels(rule, desired)
    if rule.unordered is None:
        return tuple(zip(labels, desired, seen, strict=False))
    if rule.unordered.key is None:
        fit = _pairing(rule, desired, seen, partial=partial)
        return tuple((labels[d], desired[d], seen[s]) for d, s in sorted(fit.items()))
    there = dict(zip(item_labels(rule, seen, observed=True), seen, strict=True))
    return tuple(
        (label, item, there[label])
        for label, item in zip(labels, desired, strict=True)
        if label in there
    )


def _same_list(
    rule: FieldRule, desired: Sequence[Any], seen: Sequence[Any], *, partial: bool
) -> bool:
    if len(desired) != len(seen):
        return False
    if all(_same_one(rule, d, s, partial=partial) for d, s in zip(desired, seen, strict=True)):
        return True
    if rule.unordered is None:
        return False
    pairs = pair_items(rule, desired, seen, partial=partial)
    return len({label for label, _, _ in pairs}) == len(seen) and all(
        _same_one(rule, item, there, partial=partial) for _, item, there in pairs
    )


def _pairing(
    rule: FieldRule, desired: Sequence[Any], seen: Sequence[Any], *, partial: bool
) -> dict[int, int]:
    """Give as many desired items as possible an observed item of their own, in any order.

    Since an observed item may carry more than was asked, the first fit is not always the right
    one; an earlier choice moves on where it has another (augmenting paths).
    """
    taken: dict[int, int] = {}

    def place(wanted: int, tried: set[int]) -> bool:
        for there, item in enumerate(seen):
            if there in tried or not _same_one(rule, desired[wanted], item, partial=partial):
                continue
            tried.add(there)
            if there not in taken or place(taken[there], tried):
                taken[there] = wanted
                return True
        return False

    for wanted in range(len(desired)):
        place(wanted, set())
    return {wanted: there for there, wanted in taken.items()}
