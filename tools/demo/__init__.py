"""`make demo`: what the operator does, shown on a real API server and a simulated cloud."""
