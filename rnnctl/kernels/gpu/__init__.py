"""What the GPU kernels of several cells share, in Triton.

launch.py      the one place where kernels are started
blocks.py      activations and products inside a kernel
gradients.py   the gradients of all weights, and their norms
heads.py       outputs, losses, and what the head sends back
updates.py     clipping, guard, divergence, and the step of the optimizer

A program of a kernel works for one run, and every sum over a run's numbers has an order that follows from the pack key:
nothing is added atomically. So a run has the same bits alone and in any pack.
"""
