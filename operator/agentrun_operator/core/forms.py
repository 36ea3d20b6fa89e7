"""Documented forms of texts, for admission alone.

An object that was stored before a form was known must keep working, so the parser of a spec knows
nothing of these: only the generator of the CRDs reads them, and the API server asks them of what
somebody writes. They are no stricter than what is documented.
"""

from typing import Annotated

from pydantic import BeforeValidator, Field

from agentrun_operator.core.fields import BARE_TEXT, MAX_NAME, NEWEST_VERSION, Form, Unquoted
from agentrun_operator.core.quantities import number_as_text

_SIZE = Field(min_length=1, max_length=128)
NO_BLANKS = Form(BARE_TEXT, "must not be empty or hold blanks", ("aaa", "bbb"))
ONE_LINE = Form(
    r"^[^\x00-\x1f\x7f]*$",
    "must be one line: without line breaks, tabs or other control characters",
    ("aaa", "bbb"),
)
NO_COLON = Form(
    r"^[^:\x00-\x1f\x7f]+$",
    "must be one line without a colon, which ends the user's name in a login",
    ("aaa", "bbb"),
)
HeaderField = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME),
    Form(
        # Source: RFC 9110, "Tokens".
        r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
        "must be the name of a header, like X-Session-Id: no blanks, no colon",
        ("X-A", "X-B"),
    ),
]

VpcId = Annotated[
    str,
    _SIZE,
    Form(r"^vpc-[A-Za-z0-9]+$", "must be the id of a VPC, like vpc-bp1", ("vpc-1", "vpc-2")),
]
VSwitchId = Annotated[
    str,
    _SIZE,
    Form(r"^vsw-[A-Za-z0-9]+$", "must be the id of a vSwitch, like vsw-bp1", ("vsw-1", "vsw-2")),
]
SecurityGroupId = Annotated[
    str,
    _SIZE,
    Form(
        r"^sg-[A-Za-z0-9]+$",
        "must be the id of a security group, like sg-bp1",
        ("sg-1", "sg-2"),
    ),
]
RegistryInstanceId = Annotated[
    str,
    _SIZE,
    Form(
        r"^cri-[A-Za-z0-9]+$",
        "must be the id of an instance of Container Registry Enterprise Edition, like cri-a1b2c3",
        ("cri-1", "cri-2"),
    ),
]
CloudId = Annotated[str, _SIZE, NO_BLANKS]
"""Id of something in the cloud, whose form is not documented."""
ResourceGroupId = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME),
    Form(r"^rg-[A-Za-z0-9]+$", "must be the id of a resource group, like rg-a1", ("rg-1", "rg-2")),
]
RegionId = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME),
    Form(
        r"^[a-z]{2}-[a-z0-9-]{2,30}$",
        "must be the id of a region, like cn-hangzhou",
        ("cn-hangzhou", "cn-shanghai"),
    ),
]
ImageReference = Annotated[
    str,
    Field(min_length=1, max_length=1024),
    Form(
        # Source: the grammar of github.com/distribution/reference, upper case admitted.
        r"^[A-Za-z0-9][A-Za-z0-9._-]*(:[0-9]+)?(/[A-Za-z0-9][A-Za-z0-9._-]*)*"
        r"(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?(@[A-Za-z0-9_+.-]+:[0-9a-fA-F]{32,128})?$",
        "must be the reference of an image, like registry.example.com/team/agent:v1, "
        "without scheme or blanks",
        ("r.io/a", "r.io/b:v1"),
    ),
]
WebAddress = Annotated[
    str,
    Field(max_length=2048),
    Form(
        r"^https?://[^\s/?#]+([/?#][^\s]*)?$",
        "must be a URL with http:// or https://, like https://api.example.com/v1",
        ("https://a.example", "https://b.example"),
    ),
]
UrlOrPath = Annotated[
    str,
    Field(max_length=2048),
    Form(
        r"^(/|https?://[^\s/?#])[^\s]*$",
        "must be a path that begins with /, or a URL",
        ("/a", "/b"),
    ),
]
BucketName = Annotated[
    str,
    Field(min_length=3, max_length=63),
    Form(
        r"^[a-z0-9][a-z0-9-]*[a-z0-9]$",
        "must be the name of a bucket: 3 to 63 lower-case letters, digits and hyphens, "
        "with a letter or digit at either end",
        ("aaa", "bbb"),
    ),
]
NasAddress = Annotated[
    str,
    Field(min_length=1, max_length=512),
    Form(
        r"^[^\s:/]+:/[^\s]*$",
        "must be <host>:/<path>, like x.cn-hangzhou.nas.aliyuncs.com:/share",
        ("a:/a", "b:/b"),
    ),
]
SlsName = Annotated[
    str,
    _SIZE,
    Form(
        r"^[a-z0-9][a-z0-9_-]*$",
        "must be a name of Simple Log Service: lower-case letters, digits, - and _",
        ("aaa", "bbb"),
    ),
]
Moment = Annotated[
    str,
    Field(max_length=64),
    Form(
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?$",
        "must be a time in ISO 8601, like 2026-01-05T10:00:00Z",
        ("2026-01-05T10:00:00Z", "2026-01-06T10:00:00Z"),
    ),
]
TimeZone = Annotated[
    str,
    Field(max_length=64),
    Form(
        r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$",
        "must be the name of a time zone, like Asia/Shanghai",
        ("UTC", "Asia/Shanghai"),
    ),
]
NamespaceName = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME),
    Form(
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "must be the name of a namespace: lower-case letters, digits and -",
        ("aaa", "bbb"),
    ),
]
ConfigMapName = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME),
    Form(
        r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        "must be the name of a ConfigMap: lower-case letters, digits, - and .",
        ("aaa", "bbb"),
    ),
]
Version = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME),
    BeforeValidator(number_as_text),
    Unquoted(means_text=True),
    Form(r"^([1-9][0-9]*|LATEST)$", "must be the number of a version, or LATEST", ("1", "2")),
]
"""1 and "1" are the same version."""
NamedVersion = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME),
    BeforeValidator(number_as_text),
    Unquoted(means_text=True),
    Form(
        rf"^([1-9][0-9]*|LATEST|{NEWEST_VERSION})$",
        f"must be the number of a version, LATEST or {NEWEST_VERSION}",
        ("1", "2"),
    ),
]
"""As `Version`, or the word for the newest one."""
