"""Every operation: a forward on raw arrays and one rule for each argument, or a composite of such.

Of each element: ``elementwise``, ``activations``, ``comparison``, ``maths``. Along axes: ``reduce``, ``statistics``,
``linalg``. Elements moved about: ``shape``, ``arrange``, ``index``, ``memory``. What layers need: ``losses``, ``ctc``,
``normalize``, ``windows``, ``rows``.
"""
