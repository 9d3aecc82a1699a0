"""Scripts to read from top to bottom; ``python -m examples`` lists them."""
