# mypy: disable-error-code="attr-defined, call-arg"
"""Lanes: one machine vector as a value in numba, so that many pairs of series are warped side by side.

A lane holds one pair. float32 has 8 lanes and float64 has 4, or twice as many where the processor has AVX-512. numba
vectorises loops only when it likes their form; here the vector is a type of its own and nothing is left to
chance. Operators ``+ - *`` work lane by lane and may be fused. With ``NUMBA_DISABLE_JIT=1`` the same names work on
numpy arrays, so that kernels run as plain Python.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import config, types
from numba.extending import intrinsic, models, overload, register_model

# With two registers a vector, the sums of five_rows would not fit into the sixteen registers that AVX2 has.
VECTOR_BITS = 512 if binding.get_host_cpu_features().get("avx512f") else 256
LANES = {"float32": VECTOR_BITS // 32, "float64": VECTOR_BITS // 64}


def lane_count(dtype: Any) -> int:
    """Lanes of a dtype."""
    return LANES[np.dtype(dtype).name]


def width(array):
    """Lanes that vectors of this array's dtype have (a compile-time constant)."""
    return LANES[array.dtype.name]


def load(array, offset):
    """Vector of array[offset : offset + width]; array is one-dimensional and contiguous. Nothing is checked."""
    return array[offset : offset + width(array)].copy()


def store(array, offset, vector):
    """array[offset : offset + width] = vector. Nothing is checked."""
    array[offset : offset + width(array)] = vector


def splat(array, value):
    """Vector of the array's dtype with one value in all lanes."""
    return np.full(width(array), value, array.dtype)


def spread(array, offset):
    """Vector of one sample: array[offset] in all lanes, or an array's (n, width) row at offset; nothing is checked."""
    if array.ndim == 2:
        return array[offset].copy()
    return np.full(width(array), array[offset], array.dtype)


def smaller(x, y):
    """Lane by lane minimum; y where either is NaN."""
    return np.where(x < y, x, y)


def larger(x, y):
    """Lane by lane maximum; y where either is NaN."""
    return np.where(x > y, x, y)


def where_above(x, limit, yes, no):
    """Lane by lane ``yes if x > limit else no``."""
    return np.where(x > limit, yes, no)


def least(x):
    """Smallest lane of a vector without NaN."""
    return x.min()


def zip_low(x, y):
    """The lower halves of two vectors, lane of x, lane of y, in turn."""
    half = len(x) // 2
    return np.column_stack([x[:half], y[:half]]).ravel()


def zip_high(x, y):
    """The upper halves of two vectors, lane of x, lane of y, in turn."""
    half = len(x) // 2
    return np.column_stack([x[half:], y[half:]]).ravel()


def not_unrolled():
    """In the body of a loop: LLVM is not to unroll it, which would keep some of its many vectors in memory."""


if not config.DISABLE_JIT:

    class LanesType(types.Type):
        """numba type of a vector."""

        def __init__(self, dtype: types.Float):
            self.dtype = dtype
            self.count = LANES[dtype.name]
            super().__init__(name=f"Lanes({dtype})")

    @register_model(LanesType)
    class _LanesModel(models.PrimitiveModel):
        def __init__(self, manager, lanes):
            super().__init__(manager, lanes, _vector(lanes))

    def _vector(lanes: LanesType) -> ir.VectorType:
        return ir.VectorType(ir.FloatType() if lanes.dtype == types.float32 else ir.DoubleType(), lanes.count)

    def _address(context, builder, array_type, array, offset, lanes):
        data = context.make_array(array_type)(context, builder, array).data
        return builder.bitcast(builder.gep(data, [offset]), _vector(lanes).as_pointer())

    def _splat(builder, vector, value):
        undefined = ir.Constant(vector, ir.Undefined)
        one = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
        return builder.shuffle_vector(one, undefined, mask)

    @intrinsic
    def _width(typing, array):
        count = LANES[array.dtype.name]

        def build(context, builder, signature, arguments):
            return context.get_constant(types.intp, count)

        return types.intp(array), build

    @intrinsic
    def _load(typing, array, offset):
        lanes = LanesType(array.dtype)

        def build(context, builder, signature, arguments):
            address = _address(context, builder, array, *arguments, lanes)
            value = builder.load(address)
            value.align = array.dtype.bitwidth // 8
            return value

        return lanes(array, types.intp), build

    @intrinsic
    def _spread(typing, array, offset):
        lanes = LanesType(array.dtype)

        def build(context, builder, signature, arguments):
            if array.ndim == 2:
                count = context.get_constant(types.intp, lanes.count)
                address = _address(context, builder, array, arguments[0], builder.mul(arguments[1], count), lanes)
                value = builder.load(address)
                value.align = array.dtype.bitwidth // 8
                return value
            data = context.make_array(array)(context, builder, arguments[0]).data
            return _splat(builder, _vector(lanes), builder.load(builder.gep(data, [arguments[1]])))

        return lanes(array, types.intp), build

    @intrinsic
    def _store(typing, array, offset, vector):
        def build(context, builder, signature, arguments):
            address = _address(context, builder, array, *arguments[:2], vector)
            builder.store(arguments[2], address).align = array.dtype.bitwidth // 8
            return context.get_dummy_value()

        return types.void(array, types.intp, vector), build

    @intrinsic
    def _fill(typing, array, value):
        lanes = LanesType(array.dtype)

        def build(context, builder, signature, arguments):
            return _splat(builder, _vector(lanes), arguments[1])

        return lanes(array, array.dtype), build

    def _binary(emit):
        @intrinsic
        def operation(typing, x, y):
            def build(context, builder, signature, arguments):
                return emit(builder, *arguments)

            return x(x, x), build

        return operation

    # 'contract' lets the back end fuse a product and a sum into one instruction; it changes no treatment of NaN or inf.
    _add = _binary(lambda builder, x, y: builder.fadd(x, y, flags=("contract",)))
    _subtract = _binary(lambda builder, x, y: builder.fsub(x, y, flags=("contract",)))
    _multiply = _binary(lambda builder, x, y: builder.fmul(x, y, flags=("contract",)))
    _smaller = _binary(lambda builder, x, y: builder.select(builder.fcmp_ordered("<", x, y), x, y))
    _larger = _binary(lambda builder, x, y: builder.select(builder.fcmp_ordered(">", x, y), x, y))

    def _zip(is_high: bool):
        @intrinsic
        def operation(typing, x, y):
            start = x.count // 2 if is_high else 0
            picks = [start + k // 2 + (x.count if k % 2 else 0) for k in range(x.count)]
            mask = ir.Constant(ir.VectorType(ir.IntType(32), x.count), picks)

            def build(context, builder, signature, arguments):
                return builder.shuffle_vector(*arguments, mask)

            return x(x, y), build

        return operation

    _zip_low, _zip_high = _zip(False), _zip(True)

    @intrinsic
    def _where_above(typing, x, limit, yes, no):
        def build(context, builder, signature, arguments):
            x_value, limit_value, yes_value, no_value = arguments
            return builder.select(builder.fcmp_ordered(">", x_value, limit_value), yes_value, no_value)

        return x(x, x, x, x), build

    @intrinsic
    def _least(typing, x):
        def build(context, builder, signature, arguments):
            value, half = arguments[0], x.count // 2
            while half:  # fold the upper half on the lower
                picks = [ir.Constant(ir.VectorType(ir.IntType(32), half), list(range(k, k + half))) for k in (0, half)]
                low, high = (builder.shuffle_vector(value, value, pick) for pick in picks)
                value = builder.select(builder.fcmp_ordered("<", low, high), low, high)
                half //= 2
            return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

        return x.dtype(x), build

    @intrinsic
    def _not_unrolled(typing):
        def build(context, builder, signature, arguments):
            nothing = ir.InlineAsm(ir.FunctionType(ir.VoidType(), []), "", "", side_effect=True)
            # LLVM does not copy a convergent call into a remainder loop
            builder.call(nothing, [], attrs=("convergent",))
            return context.get_dummy_value()

        return types.void(), build

    def _both(x, y) -> bool:
        return isinstance(x, LanesType) and isinstance(y, LanesType)

    @overload(operator.add)
    def _add_lanes(x, y):
        if _both(x, y):
            return lambda x, y: _add(x, y)
        return None

    @overload(operator.sub)
    def _subtract_lanes(x, y):
        if _both(x, y):
            return lambda x, y: _subtract(x, y)
        return None

    @overload(operator.mul)
    def _multiply_lanes(x, y):
        if _both(x, y):
            return lambda x, y: _multiply(x, y)
        return None

    overload(width)(lambda array: lambda array: _width(array))
    overload(load)(lambda array, offset: lambda array, offset: _load(array, offset))
    overload(store)(lambda array, offset, vector: lambda array, offset, vector: _store(array, offset, vector))
    overload(splat)(lambda array, value: lambda array, value: _fill(array, array.dtype.type(value)))
    overload(spread)(lambda array, offset: lambda array, offset: _spread(array, offset))
    overload(smaller)(lambda x, y: lambda x, y: _smaller(x, y))
    overload(larger)(lambda x, y: lambda x, y: _larger(x, y))
    overload(where_above)(lambda x, limit, yes, no: lambda x, limit, yes, no: _where_above(x, limit, yes, no))
    overload(zip_low)(lambda x, y: lambda x, y: _zip_low(x, y))
    overload(zip_high)(lambda x, y: lambda x, y: _zip_high(x, y))
    overload(least)(lambda x: lambda x: _least(x))
    overload(not_unrolled)(lambda: lambda: _not_unrolled())
