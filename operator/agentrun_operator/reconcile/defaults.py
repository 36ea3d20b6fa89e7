"""Which account's defaults an object takes, and what they are."""

from collections.abc import Callable
from dataclasses import replace

from agentrun_operator.core.defaults import NO_DEFAULTS, RETAIN, Defaults
from agentrun_operator.core.identity import ObjectKey
from agentrun_operator.core.objects import KubeObject


class AccountDefaults:
    """The defaults of the accounts that have some. Where none has any, nothing is asked."""

    def __init__(self, is_held: Callable[[ObjectKey], bool]) -> None:
        """Begin without any; `is_held` tells whether an account exists."""
        self._is_held = is_held
        self._of: dict[ObjectKey, Defaults] = {}
        """Those of an account that is gone stay: it may have been forced out from under objects
        whose resources it wanted kept, and the process still has its last client."""

    def may_rename(self, account: KubeObject) -> bool:
        """Whether a version of an account, not taken in yet, may give other names to its users."""
        found = Defaults.of(account.spec)
        if self._is_held(account.key):
            return found.name_prefix != self.at(account.key).name_prefix
        return bool(found.name_prefix) or self.has_prefixes

    @property
    def has_prefixes(self) -> bool:
        """Whether any account has a prefix; whether one exists then tells names."""
        return any(each.name_prefix for each in self._of.values())

    def note(self, account: KubeObject) -> None:
        """Take in one version of an account."""
        found = Defaults.of(account.spec)
        if found != NO_DEFAULTS:
            self._of[account.key] = found
        else:
            self._of.pop(account.key, None)

    def drop_unused(self, is_used: Callable[[ObjectKey], bool]) -> None:
        """Drop those of accounts that are gone and have no users."""
        self._of = {at: it for at, it in self._of.items() if self._is_held(at) or is_used(at)}

    def at(self, account: ObjectKey) -> Defaults:
        """Return what an account says, or said last."""
        return self._of.get(account, NO_DEFAULTS)

    def of(self, obj: KubeObject) -> Defaults:
        """Return what an object takes where it says nothing itself.

        What has a resource takes it from the account that its resource lives in by the record; what
        has none, or whose account nobody knows any more, from the first of those that it asks for.
        Names it takes from that one alone: anybody who may write a status can name any account.
        """
        if not self._of and obj.retainer is None:
            return NO_DEFAULTS
        account = next((at for at in obj.accounts_asked_for if self._is_held(at)), None)
        asked = NO_DEFAULTS if account is None else self.at(account)
        pinned = obj.pinned_account if obj.has_record else None
        found = asked if pinned is None or not self._is_known(pinned) else self.at(pinned)
        if self._is_still_kept(obj, pinned):
            policy: str | None = RETAIN
        elif found is asked and pinned not in (None, account):
            # Nobody knows what the account said that is gone: another one may keep, and no more.
            policy = RETAIN if asked.deletion_policy == RETAIN else None
        else:
            policy = found.deletion_policy
        return replace(
            found,
            deletion_policy=policy,
            name_prefix=asked.name_prefix,
            former_prefixes=asked.former_prefixes,
        )

    def retainer(self, obj: KubeObject, source: ObjectKey | None) -> ObjectKey | None:
        """Return who is to be on record as keeping its resource, once that lives in `source`.

        An account that takes the place of one that is gone was chosen by nobody: what was kept
        until then stays so, by the word of the one before.
        """
        if source is not None and self.at(source).deletion_policy == RETAIN:
            return source
        if self._is_still_kept(obj, source):
            return obj.retainer
        pinned = obj.pinned_account if obj.has_record else None
        is_taken_over = pinned not in (None, source) and not _is_chosen(obj, source)
        has_own_word = obj.spec.get("deletionPolicy") is not None
        if pinned is None or not is_taken_over or has_own_word or not obj.retains():
            return None
        return pinned if self._keeps(pinned) else None

    def _is_still_kept(self, obj: KubeObject, lives_in: ObjectKey | None) -> bool:
        """Whether what is on record as kept by an account is, whichever account it lives in now."""
        by = obj.retainer
        if by is None or not self._keeps(by):
            return False
        return by == lives_in or lives_in is None or not _is_chosen(obj, lives_in)

    def _keeps(self, account: ObjectKey) -> bool:
        """Whether an account says Retain, or may have: nobody knows what one said that is gone."""
        return not self._is_known(account) or self.at(account).deletion_policy == RETAIN

    def _is_known(self, account: ObjectKey) -> bool:
        # No object stands for the operator's own account, which has none.
        return not account.is_account or account in self._of or self._is_held(account)


def _is_chosen(obj: KubeObject, account: ObjectKey | None) -> bool:
    """Whether a spec names an account itself."""
    return bool(obj.spec.get("accountRef")) and account in obj.accounts_asked_for
