"""Which namespaces an account serves: that of an Account alone, or those that its owner lets in."""

from collections.abc import Mapping

from agentrun_operator.core.errors import AccessDenied, OperatorError
from agentrun_operator.core.kind import ResourceKind
from agentrun_operator.core.objects import KubeObject
from agentrun_operator.reconcile.parsing import parse_spec
from agentrun_operator.reconcile.ports import KubeReader


class Admission:
    """Asks the owners of ClusterAccounts for their leave."""

    def __init__(self, kinds: Mapping[str, ResourceKind], reader: KubeReader) -> None:
        """Read the labels of namespaces where an owner goes by them."""
        self._kinds = kinds
        self._reader = reader

    async def check(self, account: KubeObject, user: KubeObject) -> None:
        """Raise AccessDenied unless an account serves the namespace of its user."""
        if account.key.namespace:
            return
        parse_spec(self._kinds[account.key.kind], account)
        allowed = account.spec.get("allowedNamespaces") or {}
        namespace = user.key.namespace
        if namespace in (allowed.get("names") or ()):
            return
        wanted = (allowed.get("selector") or {}).get("matchLabels") or {}
        if wanted:
            labels = await self._reader.namespace_labels(namespace)
            if all(labels.get(k) == v for k, v in wanted.items()):
                return
        # What has a resource cannot move to another account.
        instead = "" if user.external_id else ", or name another account in spec.accountRef"
        raise AccessDenied(
            f"{account.key} does not allow namespace {namespace!r}; ask its owner to add the "
            f"namespace to its spec.allowedNamespaces{instead}"
        )

    async def lets_in(self, account: KubeObject, user: KubeObject) -> bool:
        """Whether an account serves the namespace of its user; it need not be Ready."""
        try:
            await self.check(account, user)
        except AccessDenied:
            return False
        except OperatorError:
            # Whom a broken account admits is open.
            return True
        return True
