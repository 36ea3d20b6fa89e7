"""Deterministic simulation of the whole engine: one seed, one history.

`python -m soak --help` runs it; docs in `__main__`. Time is virtual, chance comes from the seed,
nothing leaves the process: the API server is `kube`, the cloud is the real simulator behind the
real client, and everything between the two is the code that ships.
"""
