"""Lists in pages that are small in bytes, whatever the objects of a cluster weigh.

The API server counts a page in objects, of which one may have two kilobytes or two megabytes. So
the limit follows the bytes of the page before, and a page that gets too large is broken off and
asked for anew with fewer objects: that is allowed for each page of one list.
"""

import aiohttp

from agentrun_operator.kube.answers import AnswerTooLargeError, BoundedContent

FIRST_LIMIT = 50
MAX_LIMIT = 500
TARGET_BYTES = 1024 * 1024
MAX_BYTES = 4 * 1024 * 1024
"""Of a page of several objects. A single one may have as much as any answer."""
GROWTH = 4
"""From page to page at most, and the other way where one was too large."""

_SUCCESS = 200


class SmallPages:
    """aiohttp's middleware protocol: rewrites `limit` in lists, nothing else."""

    def __init__(self) -> None:
        """Begin with small pages; each collection has its own size from then on."""
        self._limits: dict[tuple[str, str], int] = {}

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send one request, again with a smaller limit as long as the page is too large."""
        wanted = request.url.query.get("limit", "")
        if not wanted.isdecimal() or "watch" in request.url.query:
            return await handler(request)
        collection = (request.url.path, request.headers.get("Accept", ""))
        most = max(1, min(int(wanted), MAX_LIMIT))
        while True:
            limit = min(most, self._limits.get(collection, FIRST_LIMIT))
            request.url = request.url.update_query(limit=str(limit))
            response = await handler(request)
            if isinstance(response.content, BoundedContent) and limit > 1:
                response.content.most = MAX_BYTES
            try:
                size = len(await response.read())
            except AnswerTooLargeError:
                if limit == 1:
                    raise
                self._limits[collection] = max(1, limit // GROWTH)
                continue
            if response.status == _SUCCESS:
                self._limits[collection] = next_limit(limit, size)
            return response


def next_limit(limit: int, size: int) -> int:
    """Return how many objects to ask for after a page of so many had so many bytes."""
    fitting = limit * TARGET_BYTES // max(1, size)
    return max(1, min(fitting, limit * GROWTH, MAX_LIMIT))
