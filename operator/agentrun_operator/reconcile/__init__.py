"""The engine: one pass for every kind. It has never heard of any of them."""
