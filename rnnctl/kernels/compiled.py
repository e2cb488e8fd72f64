"""Decorators that compile kernels with numba for this machine; the machine code is cached on disk."""

from __future__ import annotations

from numba import njit

# Sums may be reordered and contracted, so that they can be vectorised. Unlike with full fastmath, NaN and infinity are
# propagated: the trainer recognises a diverged run by them.
FAST = {"contract", "reassoc", "nsz", "arcp"}

kernel = njit(fastmath=FAST, nogil=True, cache=True, error_model="numpy")
# A loop inside kernels, compiled into each of them by LLVM. Without forced inlining there would be two versions, one in
# the function's own library and one in the caller's, optimised separately: a process that has just compiled both runs
# the first, a process that loads the caller from disk the second, and reordered sums can differ in their last bits.
force_inlined = njit(fastmath=FAST, forceinline=True, cache=True, error_model="numpy")
# The same, but inlined by numba before type inference.
inlined = njit(fastmath=FAST, inline="always", cache=True, error_model="numpy")
