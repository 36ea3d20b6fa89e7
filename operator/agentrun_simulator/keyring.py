"""The access keys that are accepted: the configured ones, and temporary ones until they expire."""

from datetime import datetime

from pydantic import SecretStr

from agentrun_simulator.errors import GatewayError
from agentrun_simulator.identities import Identities
from agentrun_simulator.settings import Account


class KeyRing:
    """Finds the account of a key.

    Args:
        accounts: Keys that never expire.
    """

    def __init__(self, accounts: tuple[Account, ...]) -> None:
        self._issued: dict[str, tuple[Account, datetime]] = {}
        self.configure(accounts)

    def configure(self, accounts: tuple[Account, ...]) -> None:
        """Replace the keys that never expire."""
        self._fixed = {account.access_key_id: account for account in accounts}
        self.account_ids = frozenset(account.account_id for account in accounts)

    def find(self, access_key_id: str, now: datetime) -> Account:
        """Return the account of a key.

        Raises:
            GatewayError: 404 for an unknown key, 400 for one that has expired.
        """
        if access_key_id in self._fixed:
            return self._fixed[access_key_id]
        if access_key_id not in self._issued:
            message = "Specified access key is not found."
            raise GatewayError(404, "InvalidAccessKeyId.NotFound", message)
        account, expires = self._issued[access_key_id]
        if now >= expires:
            message = "Specified security token is expired."
            raise GatewayError(400, "InvalidSecurityToken.Expired", message)
        return account

    def issue(self, account_id: str, expires: datetime, identities: Identities) -> Account:
        """Make a temporary key with its token."""
        account = Account(
            account_id=account_id,
            access_key_id=f"STS.{identities.new().hex[:24]}",
            access_key_secret=SecretStr(identities.new().hex),
            security_token=SecretStr(identities.new().hex + identities.new().hex),
        )
        self._issued[account.access_key_id] = account, expires
        return account

    def withdraw(self) -> None:
        """Forget all temporary keys."""
        self._issued.clear()
