"""Specs that make sense, or nearly: each is refused with a message that helps, or reconciled.

Never a crash, a hot loop, a traceback. `make soak ARGS="--specs N"` tries many, `make test`
some. What users may write is read from the CRDs, so a new field is tried unasked; the API server
is real, and what it lets through lives in `fakes.lab` until it is deleted.
"""
