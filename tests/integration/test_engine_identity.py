"""Keys of another account in the Secret: nothing is asked or done with them, and all goes on."""

from integration.conftest import TenantFactory
from integration.fleet import KEYS, Tenant, credential, proxy, runtime, service
from rig.cloud import QUESTION
from rig.waiting import condition

NAMES = (("Credential", "cred"), ("ModelService", "svc"), ("ModelProxy", "proxy"))
KEPT = (("True", "Available"), ("Unknown", "AccountMismatch"))
"""What those say that cannot be looked at any more: what was seen last, while that counts."""


def take_keys_of(tenant: Tenant, other: Tenant) -> None:
    """Put the keys of another account into the Secret of a tenant."""
    tenant.secret(
        KEYS,
        accessKeyId=other.account.access_key_id,
        accessKeySecret=other.account.access_key_secret,
    )


def test_keys_of_another_account_make_nothing_and_lose_nothing(tenants: TenantFactory) -> None:
    """The case: other keys for a while, objects made, edited and deleted meanwhile."""
    # Bare: an Account of its own would call its account as well.
    tenant, stranger = tenants(), tenants(bare=True)
    tenant.apply(credential("cred"), service("svc"), proxy("proxy", "svc"))
    tenant.wait_ready()
    before, asked = tenant.resources(), stranger.rig.cloud.position()
    take_keys_of(tenant, stranger)
    said = tenant.wait_reason("Account", "default", "AccountMismatch")
    for word in (stranger.account.account_id, tenant.account.account_id, KEYS):
        assert word in said["message"]
    tenant.apply(runtime("late"))
    tenant.delete("ModelProxy", "proxy")
    tenant.wait_reason("AgentRuntime", "late", "DependencyNotReady")
    tenant.wait_reason("ModelProxy", "proxy", "DeletionBlocked", says="put keys of account")
    for name in NAMES[:2]:
        ready = condition(tenant.get(*name), "Ready")
        # A busy machine may take longer than the few poll intervals for which a look counts.
        assert (ready["status"], ready["reason"]) in KEPT, "its last truth, with its date"
    assert {each["action"] for each in stranger.requests(since=asked)} == {QUESTION}
    assert tenant.resources() == before
    assert stranger.resources() == {}

    tenant.login()
    tenant.wait_gone(("ModelProxy", "proxy"))
    tenant.wait_ready(("Account", "default"), *NAMES[:2], ("AgentRuntime", "late"))
    assert {each["action"] for each in stranger.requests(since=asked)} == {QUESTION}
    assert "ModelProxy" not in tenant.resources()
    assert stranger.resources() == {}
