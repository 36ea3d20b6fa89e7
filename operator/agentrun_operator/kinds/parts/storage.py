"""File systems mounted into workloads. Source: control-plane reference, §7."""

from typing import Annotated

from pydantic import Field

from agentrun_operator.core.fields import Clear, Name, SpecModel, Unordered
from agentrun_operator.core.forms import BucketName, CloudId, NasAddress

Directory = Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^/")]
UserId = Annotated[int, Field(ge=-1, le=65_534), Clear(0)]
Path = Annotated[str, Field(max_length=1024)]


class NasMountPoint(SpecModel):
    """One NAS file system."""

    server_addr: NasAddress
    """Address and path, `<host>:/<path>`."""
    mount_dir: Directory
    """Directory in the workload."""
    enable_tls: Annotated[bool | None, Field(alias="enableTLS")] = None
    """Whether the transport is encrypted."""


class Nas(SpecModel):
    """NAS file systems."""

    user_id: UserId | None = None
    """User that files belong to."""
    group_id: UserId | None = None
    """Group that files belong to."""
    mount_points: Annotated[
        tuple[NasMountPoint, ...], Unordered("mountDir"), Field(max_length=16)
    ] = ()
    """File systems, at most 16."""


class OssMountPoint(SpecModel):
    """One OSS bucket."""

    bucket_name: BucketName
    """Name of the bucket."""
    bucket_path: Path | None = None
    """Path in the bucket."""
    mount_dir: Directory
    """Directory in the workload."""
    endpoint: Annotated[str | None, Field(max_length=253)] = None
    """Endpoint of OSS."""
    read_only: bool | None = None
    """Whether writing is refused."""


class OssMount(SpecModel):
    """OSS buckets."""

    mount_points: Annotated[
        tuple[OssMountPoint, ...], Unordered("mountDir"), Field(max_length=16)
    ] = ()
    """Buckets, at most 16."""


class PolarFsMountPoint(SpecModel):
    """One PolarFS instance."""

    instance_id: CloudId
    """Instance."""
    mount_dir: Directory
    """Directory in the workload."""
    remote_dir: Path | None = None
    """Directory in the instance."""


class PolarFs(SpecModel):
    """PolarFS instances."""

    user_id: UserId | None = None
    """User that files belong to."""
    group_id: UserId | None = None
    """Group that files belong to."""
    mount_points: Annotated[
        tuple[PolarFsMountPoint, ...], Unordered("mountDir"), Field(max_length=16)
    ] = ()
    """Instances, at most 16."""


class TemplateOssMount(SpecModel):
    """One OSS bucket of a sandbox template, which has a structure of its own."""

    bucket_name: BucketName
    """Name of the bucket."""
    mount_point: Directory
    """Directory in the sandbox."""
    prefix: Path
    """Path in the bucket; "" for all of it."""
    region: Name | None = None
    """Region of the bucket."""
    endpoint: Annotated[str | None, Field(max_length=253)] = None
    """Endpoint of OSS."""
    permission: Annotated[str | None, Field(max_length=63)] = None
    """Access, in the words of the API."""
