"""The vocabulary of the operator: pure values and rules; no I/O, no clock, no client."""
