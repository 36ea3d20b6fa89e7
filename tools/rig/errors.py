"""What can go wrong on the rig."""


class RigError(Exception):
    """A part did not start, or what was waited for did not come.

    Attributes:
        what: What was expected, in a line.
        evidence: What was seen instead, such as conditions and the end of a log.
    """

    def __init__(self, what: str, evidence: str = "") -> None:
        super().__init__(f"{what}\n{evidence}" if evidence else what)
        self.what = what
        self.evidence = evidence
