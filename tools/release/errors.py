"""What can go wrong with publishing."""


class ReleaseError(Exception):
    """A step of a release failed, or let something pass; the message holds what was said."""
