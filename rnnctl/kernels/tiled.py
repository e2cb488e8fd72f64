"""Products of matrices that are too small for BLAS calls, in tiles whose sums stay in vector registers.

A compiler vectorises the innermost of plain loops, and then loads and stores its sums at every step. Here the loops are
written in LLVM's intermediate representation: a tile is four rows (or two, or one) by up to three vectors of 32 bytes;
its twelve sums, three vectors of w and one entry of a fill the sixteen vector registers of AVX2. Sums are written to
memory only when they are complete. If the width is not a multiple of a vector, the last vector overlaps the previous
one: both belong to one tile, which loads before it stores, so they write the same sums.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from rnnctl.kernels.compiled import force_inlined, inlined, kernel

VECTOR_BYTES = 32
FLAGS = ("contract", "reassoc", "nsz", "arcp")


def _strip(vectors: int, *, transposed: bool = False, fresh: bool = False):
    """Return the intrinsic strip(a, w, c, n, last): c += a w for all rows and `vectors` vectors of columns.

    The vectors start at the columns n, n + lanes, ..., except the last, which starts at `last`. transposed: c += a^T w.
    fresh: c = a w. Loads and stores are aligned to an entry, not to a vector, because rows may start anywhere.
    """

    def generate(context, builder, signature, args):
        a, w, c = (
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args[:3], args[:3], strict=True)
        )
        n, last = args[3:]
        size = signature.args[0].dtype.bitwidth // 8
        entry, lanes = context.get_data_type(signature.args[0].dtype), VECTOR_BYTES // size
        vector, index = ir.VectorType(entry, lanes), n.type
        (height, width), (depth, _), (_, across_a) = (cgutils.unpack_tuple(builder, x.shape, 2) for x in (c, w, a))
        columns = [builder.add(n, index(v * lanes)) for v in range(vectors - 1)] + [last]

        def at(array, row, row_length, column):
            return builder.gep(array.data, [builder.add(builder.mul(row, row_length), column)])

        def vector_at(array, row, row_length, column):
            return builder.bitcast(at(array, row, row_length, column), vector.as_pointer())

        def everywhere(value):
            empty = ir.Constant(vector, ir.Undefined)
            first = builder.insert_element(empty, value, ir.Constant(ir.IntType(32), 0))
            return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes))

        def tile(top, rows):
            lines = [builder.add(top, index(r)) for r in range(rows)]
            places = [vector_at(c, line, width, column) for line in lines for column in columns]
            sums = [cgutils.alloca_once(builder, vector) for _ in places]
            for place, total in zip(places, sums, strict=True):
                builder.store(ir.Constant(vector, None) if fresh else builder.load(place, align=size), total)
            with cgutils.for_range(builder, depth) as loop:
                k = loop.index
                across = [builder.load(vector_at(w, k, width, column), align=size) for column in columns]
                for r, line in enumerate(lines):
                    one = everywhere(builder.load(at(a, *((k, across_a, line) if transposed else (line, across_a, k)))))
                    for total, factor in zip(sums[r * vectors :], across, strict=False):
                        added = builder.fmul(one, factor, flags=FLAGS)
                        builder.store(builder.fadd(builder.load(total), added, flags=FLAGS), total)
            for place, total in zip(places, sums, strict=True):
                builder.store(builder.load(total), place, align=size)

        with cgutils.for_range(builder, builder.udiv(height, index(4))) as loop:
            tile(builder.mul(loop.index, index(4)), 4)
        for rows in (2, 1):
            left = builder.and_(height, index(rows))
            with cgutils.if_likely(builder, builder.icmp_unsigned("!=", left, index(0))):
                tile(builder.and_(height, index(-2 * rows)), rows)
        return context.get_dummy_value()

    @intrinsic
    def strip(typing_context, a, w, c, n, last):
        return types.void(a, w, c, types.intp, types.intp), generate

    return strip


def _square():
    """Return the intrinsic square(a, out, top, left): out[left:, top:] = a[top:, left:]^T, for a square block.

    The block has as many rows and columns as a vector has entries. For each power of two `step`, rows i and i + step
    exchange halves of every 2 * step columns (a butterfly).
    """

    def generate(context, builder, signature, args):
        a, out = (
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args[:2], args[:2], strict=True)
        )
        top, left = args[2:]
        size = signature.args[0].dtype.bitwidth // 8
        lanes = VECTOR_BYTES // size
        vector = ir.VectorType(context.get_data_type(signature.args[0].dtype), lanes)

        def vector_at(array, row, column):
            length = cgutils.unpack_tuple(builder, array.shape, 2)[1]
            place = builder.gep(array.data, [builder.add(builder.mul(row, length), column)])
            return builder.bitcast(place, vector.as_pointer())

        def shuffled(one, other, lanes_of_both):
            return builder.shuffle_vector(one, other, ir.Constant(ir.VectorType(ir.IntType(32), lanes), lanes_of_both))

        rows = [builder.load(vector_at(a, builder.add(top, top.type(i)), left), align=size) for i in range(lanes)]
        step = 1
        while step < lanes:
            for i in range(lanes):
                if not i & step:
                    upper, lower = rows[i], rows[i + step]
                    rows[i] = shuffled(upper, lower, [lanes + j - step if j & step else j for j in range(lanes)])
                    rows[i + step] = shuffled(upper, lower, [lanes + j if j & step else j + step for j in range(lanes)])
            step *= 2
        for i, row in enumerate(rows):
            builder.store(row, vector_at(out, builder.add(left, left.type(i)), top), align=size)
        return context.get_dummy_value()

    @intrinsic
    def square(typing_context, a, out, top, left):
        return types.void(a, out, types.intp, types.intp), generate

    return square


def _product(**kind: bool):
    """Return the function that covers all of c with strips of one kind (see `_strip`)."""
    strip_1, strip_2, strip_3 = (_strip(vectors, **kind) for vectors in (1, 2, 3))
    transposed, fresh = kind.get("transposed", False), kind.get("fresh", False)

    @inlined
    def product(a, w, c):
        width = c.shape[1]
        lanes = VECTOR_BYTES // c.itemsize
        if width < lanes:
            _narrow(a.T if transposed else a, w, c, fresh)
            return
        vectors = (width + lanes - 1) // lanes
        n = 0
        while vectors > 0:
            # Four vectors are taken as 2 + 2, not as 3 + 1: a strip of one vector has too few independent sums.
            taken = 2 if vectors == 4 else min(vectors, 3)
            vectors -= taken
            last = min(n + (taken - 1) * lanes, width - lanes)
            if taken == 3:
                strip_3(a, w, c, n, last)
            elif taken == 2:
                strip_2(a, w, c, n, last)
            else:
                strip_1(a, w, c, n, last)
            n += taken * lanes

    return product


@force_inlined
def _narrow(a_BK, w_KN, c_BN, fresh):
    for b in range(c_BN.shape[0]):
        for n in range(c_BN.shape[1]):
            total = c_BN.dtype.type(0) if fresh else c_BN[b, n]
            for k in range(w_KN.shape[0]):
                total += a_BK[b, k] * w_KN[k, n]
            c_BN[b, n] = total


_add, _set = _product(), _product(fresh=True)
_add_transposed, _set_transposed = _product(transposed=True), _product(transposed=True, fresh=True)
_transpose_square = _square()


@kernel
def add_product(a_BK, w_KN, c_BN):
    """c += a w. All arrays are C-contiguous and of one dtype, here and in the functions below."""
    _add(a_BK, w_KN, c_BN)


@kernel
def set_product(a_BK, w_KN, c_BN):
    """c = a w."""
    _set(a_BK, w_KN, c_BN)


@kernel
def add_transposed_product(a_KB, w_KN, c_BN):
    """c += a^T w."""
    _add_transposed(a_KB, w_KN, c_BN)


@kernel
def set_transposed_product(a_KB, w_KN, c_BN):
    """c = a^T w."""
    _set_transposed(a_KB, w_KN, c_BN)


@kernel
def transpose(a_KN, out_NK):
    """out = a^T."""
    lanes = VECTOR_BYTES // a_KN.itemsize
    height, width = a_KN.shape[0] // lanes * lanes, a_KN.shape[1] // lanes * lanes
    for top in range(0, height, lanes):
        for left in range(0, width, lanes):
            _transpose_square(a_KN, out_NK, top, left)
    for k in range(a_KN.shape[0]):
        for n in range(width if k < height else 0, a_KN.shape[1]):
            out_NK[n, k] = a_KN[k, n]
