"""What can go wrong with the charts."""


class ChartError(Exception):
    """A chart, or something around it, is not as it must be; the message says what and where."""
