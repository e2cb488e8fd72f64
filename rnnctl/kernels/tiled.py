"""Products of small matrices in tiles whose sums stay in vector registers, written in LLVM's own terms.

A compiler that is given plain loops vectorises the innermost one, and then loads and stores its sums at every step.
Here a tile is four rows (or one) by up to three vectors of 32 bytes: twelve sums, three vectors of w and one entry of a
are the sixteen registers of an ordinary vector machine, and no sum goes to memory before it is complete. Where the
width is no multiple of a vector, the last vector overlaps the one before it: both belong to one tile, which loads
before it stores, so they write the same sums.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from rnnctl.kernels.compiled import kernel
from rnnctl.kernels.dense import add_product

VECTOR_BYTES = 32
FLAGS = ("contract", "reassoc", "nsz", "arcp")


def _tile(rows: int, vectors: int):
    """tile(a, w, c, b, n, last): c += a w for rows b, b + 1, ... and the vectors of columns at n, n + lanes, ..., of
    which the last is at `last` instead.

    Alignment is that of an entry, not of a vector: rows may start anywhere.
    """

    def generate(context, builder, signature, args):
        a, w, c = (
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args[:3], args[:3], strict=True)
        )
        b, n, last = args[3:]
        entry = context.get_data_type(signature.args[0].dtype)
        lanes = VECTOR_BYTES // (signature.args[0].dtype.bitwidth // 8)
        vector, index = ir.VectorType(entry, lanes), b.type
        align = signature.args[0].dtype.bitwidth // 8
        depth, width = (cgutils.unpack_tuple(builder, array.shape, 2)[1] for array in (a, w))

        def at(array, row, row_length, column):
            return builder.gep(array.data, [builder.add(builder.mul(row, row_length), column)])

        def as_vector(pointer):
            return builder.bitcast(pointer, vector.as_pointer())

        columns = [builder.add(n, index(v * lanes)) for v in range(vectors - 1)] + [last]
        lines = [builder.add(b, index(r)) for r in range(rows)]
        places = [[as_vector(at(c, line, width, column)) for column in columns] for line in lines]
        sums = [[cgutils.alloca_once(builder, vector) for _ in columns] for _ in lines]
        for r in range(rows):
            for v in range(vectors):
                builder.store(builder.load(places[r][v], align=align), sums[r][v])
        with cgutils.for_range(builder, depth) as loop:
            across = [builder.load(as_vector(at(w, loop.index, width, column)), align=align) for column in columns]
            for r, line in enumerate(lines):
                one = builder.load(at(a, line, depth, loop.index))
                empty = ir.Constant(vector, ir.Undefined)
                spread = builder.shuffle_vector(
                    builder.insert_element(empty, one, ir.Constant(ir.IntType(32), 0)),
                    empty,
                    ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes),
                )
                for v in range(vectors):
                    added = builder.fmul(spread, across[v], flags=FLAGS)
                    builder.store(builder.fadd(builder.load(sums[r][v]), added, flags=FLAGS), sums[r][v])
        for r in range(rows):
            for v in range(vectors):
                builder.store(builder.load(sums[r][v]), places[r][v], align=align)
        return context.get_dummy_value()

    @intrinsic
    def tile(typing_context, a, w, c, b, n, last):
        return types.void(a, w, c, types.intp, types.intp, types.intp), generate

    return tile


_tile_4x1, _tile_4x2, _tile_4x3 = (_tile(4, vectors) for vectors in (1, 2, 3))
_tile_1x1, _tile_1x2, _tile_1x3 = (_tile(1, vectors) for vectors in (1, 2, 3))


@kernel
def add_tiled_product(a_BK, w_KN, c_BN):
    """c += a w, all C-contiguous and of one dtype."""
    batch, width = c_BN.shape
    lanes = VECTOR_BYTES // a_BK.itemsize
    if width < lanes:
        add_product(a_BK, w_KN, c_BN)
        return
    vectors = (width + lanes - 1) // lanes
    n = 0
    while vectors > 0:
        # Four are two twos rather than three and one, whose few sums would wait for each other.
        taken = 2 if vectors == 4 else min(vectors, 3)
        vectors -= taken
        last = min(n + (taken - 1) * lanes, width - lanes)
        b = 0
        while b + 4 <= batch:
            if taken == 3:
                _tile_4x3(a_BK, w_KN, c_BN, b, n, last)
            elif taken == 2:
                _tile_4x2(a_BK, w_KN, c_BN, b, n, last)
            else:
                _tile_4x1(a_BK, w_KN, c_BN, b, n, last)
            b += 4
        while b < batch:
            if taken == 3:
                _tile_1x3(a_BK, w_KN, c_BN, b, n, last)
            elif taken == 2:
                _tile_1x2(a_BK, w_KN, c_BN, b, n, last)
            else:
                _tile_1x1(a_BK, w_KN, c_BN, b, n, last)
            b += 1
        n += taken * lanes
