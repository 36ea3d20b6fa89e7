"""What can go wrong with the charts."""


class ChartError(Exception):
    """A chart, or something around it, is not as it must be; the message says what and where."""


class UnavailableError(ChartError):
    """A check cannot run here; the message says what is missing, and how to get it."""
