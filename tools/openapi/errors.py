"""What can go wrong in reading the SDK."""


class SdkError(Exception):
    """The SDK's sources are not of the shape this tool reads; the message says where."""
