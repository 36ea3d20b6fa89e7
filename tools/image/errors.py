"""What can go wrong with the image."""


class ImageError(Exception):
    """The image could not be built, or is not what it must be; the message says what to do."""
