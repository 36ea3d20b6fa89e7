"""CertConfig of a custom domain. Source: control-plane reference, §8.12.

Certificate and key come from one Secret, so that who renews it, such as cert-manager, need not know
of the domain.
"""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import (
    ApiName,
    Clear,
    Computed,
    Local,
    SecretDocument,
    SecretKeySelector,
    SecretReference,
    SpecModel,
)
from agentrun_operator.core.resolution import Resolution

CertificateName = Annotated[str, Field(max_length=128, pattern=r"^[a-zA-Z_][a-zA-Z0-9_-]{0,127}$")]


class Certificate(SpecModel):
    """A certificate and its private key."""

    # The API refuses an empty name, so a name leaves with the certificate, or not at all.
    name: Annotated[CertificateName | None, ApiName("certName"), Clear(None)] = None
    """Name of the certificate in AgentRun: letters, digits, `_` and `-`, not beginning with a digit
    or `-`, at most 128 characters."""
    secret_ref: Annotated[SecretReference, Local()]
    """Secret of type kubernetes.io/tls: `tls.crt` is the certificate, `tls.key` its private key,
    both in PEM. What is renewed there is sent. Write-only: what a read returns is not compared."""


def _document(certificate: Certificate, key: str, resolution: Resolution) -> str:
    selector = SecretKeySelector(name=certificate.secret_ref.name, key=key)
    return resolution.value(SecretDocument(secret_key_ref=selector))


def _certificate(certificate: Certificate, resolution: Resolution) -> str:
    return _document(certificate, "tls.crt", resolution)


def _private_key(certificate: Certificate, resolution: Resolution) -> str:
    return _document(certificate, "tls.key", resolution)


# Quirk: whether a read returns the key, masked or not, is not attested.
CONTENTS = (
    Computed("certificate", "secretRef.certificate", _certificate, sensitive=True, write_only=True),
    Computed("privateKey", "secretRef.privateKey", _private_key, sensitive=True, write_only=True),
)
"""The two values that one Secret yields."""
