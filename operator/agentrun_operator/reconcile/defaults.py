"""Which account's defaults an object takes, and what they are."""

from collections.abc import Callable
from dataclasses import replace

from agentrun_operator.core.defaults import NO_DEFAULTS, Defaults
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

    def of(self, obj: KubeObject, asked_for: tuple[ObjectKey, ...]) -> Defaults:
        """Return what an object takes where it says nothing itself.

        What has a resource takes it from the account that its resource lives in by the record; what
        has none, or whose account nobody knows any more, from the first of those that it asks for.
        Names it takes from that one alone: anybody who may write a status can name any account.
        """
        if not self._of:
            return NO_DEFAULTS
        account = next((at for at in asked_for if self._is_held(at)), None)
        asked = NO_DEFAULTS if account is None else self.at(account)
        pinned = obj.pinned_account if obj.has_record else None
        if pinned in (None, account) or not self._is_known(pinned):
            return asked
        return replace(
            self.at(pinned),
            name_prefix=asked.name_prefix,
            former_prefixes=asked.former_prefixes,
        )

    def _is_known(self, account: ObjectKey) -> bool:
        # No object stands for the operator's own account, which has none.
        return not account.is_account or account in self._of or self._is_held(account)
