"""Recurrent layers over a whole sequence as one operation each, with backpropagation through time derived by hand.

Each file here is the fused form of one cell of :mod:`tinyrnn.nn.cells`, which is its specification: a test holds
the two equal. They work on raw arrays and know nothing of autograd. The pattern is the same in all three:

* before the loop, one matrix product computes what the inputs contribute to all T steps;
* inside it there is only what truly recurs: one product with the state, and the gates;
* backward walks the same loop from the end. ``dh`` is the gradient that has arrived at the state of step t: from
  that step's output, and from the steps after it, through the weights. That sum is backpropagation through time;
* after it, the gradient of each weight is one matrix product over all rows, which *is* the sum over time.

T steps, N rows, D inputs, H units; ``da`` is the gradient before the nonlinearity. Arrays hold the rows of all steps, one
step after the other: T * N, or fewer in a packed batch, whose sequences end one by one (:mod:`.steps` knows which row is
which). A sequence that has ended is just not among a step's rows any more; going back, it joins in where it ended, with the
gradient of its last state.
"""
