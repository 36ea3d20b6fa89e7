"""What can go wrong on the rig."""


class RigError(Exception):
    """A part did not start, or what was waited for did not come; the message says what was seen."""
