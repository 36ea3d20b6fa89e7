"""A Git repository on this machine that Argo CD syncs from."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

BRANCH = "main"


class Repository:
    """One bare repository, and the work tree that is pushed to it."""

    def __init__(self, home: Path) -> None:
        """Create both in a folder.

        Args:
            home: An empty folder; whoever gave it removes it.
        """
        self._bare = home / "fleet.git"
        self._tree = home / "tree"
        self._git(home, "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", self._bare)
        self._git(home, "init", "--quiet", f"--initial-branch={BRANCH}", self._tree)
        self._git(self._tree, "remote", "add", "origin", self._bare)

    @property
    def url(self) -> str:
        """What an Application names as repoURL."""
        return self._bare.as_uri()

    def put_tree(self, source: Path, target: str) -> None:
        """Replace a folder by a copy of one outside the repository, not committed yet."""
        folder = self._tree / target
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source, folder)

    def put(self, folder: str, manifests: Iterable[Mapping[str, Any]]) -> None:
        """Have a folder hold exactly these manifests, one a file, not committed yet."""
        target = self._tree / folder
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        (target / ".keep").touch()  # Git knows no empty folder
        for each in manifests:
            name = f"{each['kind'].lower()}-{each['metadata']['name']}.yaml"
            (target / name).write_text(yaml.safe_dump(dict(each), sort_keys=False))

    def push(self, message: str) -> str:
        """Commit everything, push it, return the commit."""
        self._git(self._tree, "add", "--all")
        self._git(self._tree, "commit", "--quiet", "--allow-empty", f"--message={message}")
        self._git(self._tree, "push", "--quiet", "origin", f"HEAD:{BRANCH}")
        return self._git(self._tree, "rev-parse", "HEAD").strip()

    def _git(self, folder: Path, *arguments: str | Path) -> str:
        who = {"NAME": "demo", "EMAIL": "demo@example.com"}
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env={
                # Nobody's own Git settings: no signing, no hooks, no other branch name.
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "GIT_CONFIG_NOSYSTEM": "1",
                **{f"GIT_AUTHOR_{name}": value for name, value in who.items()},
                **{f"GIT_COMMITTER_{name}": value for name, value in who.items()},
            },
        )
        return done.stdout
