"""How kernels are compiled: with numba, for this machine, once (the result is cached on disk)."""

from __future__ import annotations

from numba import njit

# Sums may be reordered and contracted, which is what makes vector code of them. Unlike with all of fastmath, a NaN or
# infinity stays one: the trainer tells a diverged run by it.
FAST = {"contract", "reassoc", "nsz", "arcp"}

kernel = njit(fastmath=FAST, nogil=True, cache=True, error_model="numpy")
# A loop that kernels are made of, compiled into each of them. Called, it would be there twice, in its own library and
# in the caller's, optimised for each: a process that has just compiled both runs the one, a process that loads the
# caller from disk the other, and where sums are reordered or contracted the two can differ in their last bits.
part = njit(fastmath=FAST, forceinline=True, cache=True, error_model="numpy")
inlined = njit(fastmath=FAST, inline="always", cache=True, error_model="numpy")
