"""What ties an object to the account that its resource lives in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentrun_operator.core.errors import AccountChanged, OperatorError
from agentrun_operator.core.identity import AccountIdentity, ObjectKey
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.ports import AccountAPI

VERIFIED = "Verified"
"""What `status.atProvider.identity` of an account says once its keys were known to be its own."""
NOT_VERIFIED = "NotVerified"

CloudAccount = tuple[str, str, str]
"""Number, region and endpoint of a cloud account; the endpoint is empty where the region tells."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One object's account: whose, where, and the client to call it with."""

    source: ObjectKey
    identity: AccountIdentity
    api: AccountAPI
    compatibility: Mapping[str, str] = field(default_factory=dict)
    """In what the account's API differs, as its spec says."""
    host: str | None = None
    """Endpoint of a place that the region alone does not tell."""
    is_verified: bool = True
    """Whether the keys are known to be the account's; False where nobody is to be asked."""
    secret_version: str = ""
    """Of the Secret that the keys came from; empty without one."""

    @property
    def cloud(self) -> CloudAccount | None:
        """What it leads to, whichever Account names it; None where only the Account says so."""
        if not self.is_verified:
            return None
        return self.identity.account_id, self.identity.region, self.host or ""

    def pin(self) -> dict[str, str]:
        """Return what `status.account` records."""
        pin = {
            "kind": self.source.kind,
            "name": self.source.name,
            "accountId": self.identity.account_id,
            "region": self.identity.region,
        }
        if self.source.namespace and not self.is_verified:
            pin["identity"] = NOT_VERIFIED
        return pin if self.host is None else {**pin, "endpoint": self.host}


def is_unverified_pin(obj: KubeObject, source: ObjectKey) -> bool:
    """Whether only the word of a tenant says that a record tells of the account behind `source`.

    Anybody can write down somebody else's account id, and ask for no proof. What was made by such
    an Account is known to be in that account as far as Accounts of its namespace are concerned.
    """
    return obj.pin.get("identity") == NOT_VERIFIED and source.namespace != obj.key.namespace


def check_pin(obj: KubeObject, binding: Binding) -> OperatorError | None:
    """Return AccountChanged when an object with a resource resolves to another account."""
    pinned = obj.pin
    if not pinned or not (obj.is_in_charge or obj.creation):
        return None
    there = AccountIdentity.of(pinned)
    if is_unverified_pin(obj, binding.source):
        return AccountChanged(
            f"nobody knows that the resource lives in account {there}: the keys of "
            f"{pinned.get('kind')} {pinned.get('name')} were not verified (identityCheck.mode: "
            f"Off), and {binding.source} is not of this namespace; restore the reference, or "
            "delete this object and create it anew"
        )
    if there == binding.identity:
        return None
    return AccountChanged(
        f"the resource lives in account {there}, and the account reference now leads to "
        f"{binding.identity}; restore the reference, or delete this object and create it anew"
    )


def account_in_doubt(obj: KubeObject, binding: Binding) -> AccountChanged | None:
    """Return AccountChanged where only a look can show that another Account leads to the same.

    So it is at another endpoint, or where nobody knows whose the keys of one of them are. What has
    changed within one Account, that one has to prove.
    """
    pinned, is_bound = obj.pin, obj.is_in_charge or bool(obj.creation)
    if not is_bound or obj.pinned_account in (None, binding.source):
        return None
    are_verified = binding.is_verified and pinned.get("identity") != NOT_VERIFIED
    if are_verified and pinned.get("endpoint") == binding.host:
        return None
    return AccountChanged(
        f"the resource was made by way of {pinned.get('kind')} {pinned.get('name')}, and is not "
        f"found where {binding.source} leads to; restore the reference, or delete this object, "
        "which deletes the resource where it is, and create it anew"
    )
