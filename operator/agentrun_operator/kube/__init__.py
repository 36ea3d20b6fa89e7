"""The cluster behind the ports of the engine; the only importer of kopf and aiohttp."""
