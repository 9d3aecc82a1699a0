"""Pointwise inner loops of the fused layers: what happens to one step's numbers between two matrix products."""
