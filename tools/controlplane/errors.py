"""What can go wrong with the local control plane.

ControlPlaneError
├── BuildError      a program could not be built
└── KubectlError    kubectl exited non-zero
"""


class ControlPlaneError(Exception):
    """The control plane could not be started, or died; the message holds the tail of its log."""


class BuildError(ControlPlaneError):
    """A program could not be built; the message holds the end of what the build printed."""


class KubectlError(ControlPlaneError):
    """kubectl exited non-zero.

    Attributes:
        stderr: What kubectl said, without trailing newline.
    """

    def __init__(self, arguments: tuple[str, ...], stderr: str) -> None:
        super().__init__(f"kubectl {' '.join(arguments)}: {stderr}")
        self.stderr = stderr
