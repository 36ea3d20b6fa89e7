"""What a fleet costs on real parts: etcd, API server, simulated cloud and a contestant.

The contestant is whoever brings the fleet into the cloud: the operator, or another program that a
file describes (`bench.real.contestant`). Phases are the same for all, and so is what is counted.
"""
