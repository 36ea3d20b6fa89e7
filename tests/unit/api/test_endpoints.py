import pytest

from agentrun_operator.api.endpoints import (
    DEFAULT_PATTERNS,
    endpoint_for,
    is_allowed,
    normalize_endpoint,
)

SIMULATOR = ("http://127.0.0.1:*",)


@pytest.mark.parametrize(
    ("region", "network", "endpoint"),
    [
        ("cn-hangzhou", None, "https://agentrun.cn-hangzhou.aliyuncs.com"),
        ("ap-southeast-1", "vpc", "https://agentrun-vpc.ap-southeast-1.aliyuncs.com"),
        ("cn-north-2-gov-1", None, "https://agentrun.cn-north-2-gov-1.aliyuncs.com"),
    ],
)
def test_endpoint_of_a_region_is_official(region: str, network: str | None, endpoint: str) -> None:
    assert endpoint_for(region, network) == endpoint
    assert is_allowed(endpoint)


@pytest.mark.parametrize("region", ["", "evil.com/", "cn-hangzhou.evil.com", "CN-hangzhou", "cn"])
def test_a_region_cannot_compose_another_host(region: str) -> None:
    with pytest.raises(ValueError, match="region"):
        endpoint_for(region)


def test_a_network_cannot_compose_another_host() -> None:
    with pytest.raises(ValueError, match="network"):
        endpoint_for("cn-hangzhou", "x.evil.com/")


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://agentrun.cn-hangzhou.aliyuncs.com", id="plain http"),
        pytest.param("https://agentrun.oss-cn-hangzhou.aliyuncs.com", id="a bucket of that name"),
        pytest.param("https://agentrun.cn-hangzhou.log.aliyuncs.com", id="another service"),
        pytest.param("https://agentrun.cn-hangzhou.aliyuncs.com.evil.com", id="suffix"),
        pytest.param("https://agentrun.cn-hangzhou.aliyuncs.com@evil.com", id="user info"),
        pytest.param("https://evil.com/agentrun.cn-hangzhou.aliyuncs.com", id="path"),
        pytest.param("https://evil.com#.agentrun.cn-hangzhou.aliyuncs.com", id="fragment"),
        pytest.param("https://evil.com?agentrun.cn-hangzhou.aliyuncs.com", id="query"),
        pytest.param("https://evil.com\\.agentrun.cn-hangzhou.aliyuncs.com", id="backslash"),
        pytest.param("https://agentrun.cn-a.evil.com.aliyuncs.com", id="more labels"),
        pytest.param("https://agentrun.cn-hangzhou.aliyuncs.com:8443", id="another port"),
        pytest.param("https://agentrun.cn-hangzhou.aliyuncs.com\n", id="newline"),
        pytest.param("https://agentrun.cn-hangzhou.aliyuncs.com.", id="trailing dot"),
        pytest.param("https://AGENTRUN.cn-hangzhou.aliyuncs.com", id="upper case"),
        pytest.param("https://agentrun.cn-hangzhou.aliyuncs。com", id="full-width dot"),
        pytest.param("ftp://agentrun.cn-hangzhou.aliyuncs.com", id="scheme"),
        pytest.param("https://169.254.169.254", id="metadata service"),
        pytest.param("", id="empty"),
    ],
)
def test_other_hosts_are_refused(url: str) -> None:
    assert not is_allowed(url)


@pytest.mark.parametrize(
    ("url", "patterns", "expected"),
    [
        pytest.param("http://127.0.0.1:8080", SIMULATOR, True, id="simulator"),
        pytest.param("http://127.0.0.1", SIMULATOR, True, id="default port counts as one"),
        pytest.param("https://127.0.0.1:8080", SIMULATOR, False, id="scheme of the pattern"),
        pytest.param("http://127.0.0.1:8080@evil.com", SIMULATOR, False, id="user info"),
        pytest.param("http://127.0.0.12:80", SIMULATOR, False, id="host is matched whole"),
        pytest.param("https://proxy.corp.example", ("proxy.corp.example",), True, id="no scheme"),
        pytest.param("http://proxy.corp.example", ("proxy.corp.example",), False, id="is https"),
        pytest.param("https://a.b.example", ("*.example",), False, id="star spans no dot"),
        pytest.param("https://[::1]:8443", ("[::1]:*",), True, id="IPv6"),
        pytest.param("https://agentrunxcn-a.aliyuncs.com", DEFAULT_PATTERNS, False, id="real dot"),
        pytest.param("https://a.example", (), False, id="an empty list allows nothing"),
    ],
)
def test_patterns(url: str, patterns: tuple[str, ...], expected: bool) -> None:  # noqa: FBT001
    assert is_allowed(url, patterns) is expected


@pytest.mark.parametrize("pattern", ["", "https://", "a.example/path", "{host}.example", "a b"])
def test_a_malformed_pattern_is_reported(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        is_allowed("https://a.example", (pattern,))


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://a.example/", "https://a.example"),
        ("https://a.example:443", "https://a.example"),
        ("http://a.example:443", "http://a.example:443"),
    ],
)
def test_endpoints_are_reduced_to_one_form(url: str, normal: str) -> None:
    assert normalize_endpoint(url) == normal


@pytest.mark.parametrize("url", ["https://a.example/x", "https://a.example:0", "https://[::zz]"])
def test_what_is_no_endpoint_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"endpoint|permitted"):
        normalize_endpoint(url)
