"""Functions of OpenSim models: read once into flat numbers that both numpy and the compiled kernels evaluate.

A function of an ``.osim`` file is a constant, a linear form of several coordinates, a cubic spline, a polynomial or a
sine; a multiplier only scales another one. :class:`Function` holds what is left after reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from neurostore.arrays import Floats

from .elements import floats

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

CONSTANT, LINEAR, CUBIC, POLYNOMIAL, SINE = range(5)
#: code of the kernels for a linear function that returns its only argument
ITSELF = 5
#: names that :func:`read` knows
KNOWN = (
    "Constant",
    "LinearFunction",
    "SimmSpline",
    "NaturalCubicSpline",
    "PiecewiseLinearFunction",
    "PolynomialFunction",
    "Sine",
    "MultiplierFunction",
)


@dataclass(frozen=True, slots=True)
class Function:
    """A function of an OpenSim model.

    Attributes
    ----------
    code : CONSTANT, LINEAR, CUBIC, POLYNOMIAL or SINE.
    data : flat numbers. CONSTANT: (value). LINEAR: (slope of each argument, intercept). CUBIC: (x, y, b, c, d), n each:
        y + b·s + c·s² + d·s³ with s = argument - x from knot to knot, straight lines beyond the first and last knot.
        POLYNOMIAL: coefficients, highest power first. SINE: (amplitude, omega, phase, offset).
    """

    code: int
    data: tuple[float, ...]

    @property
    def is_unit_slope(self) -> bool:
        """The function is its only argument or its negative, but for a constant."""
        return self.code == LINEAR and len(self.data) == 2 and abs(self.data[0]) == 1.0

    def times(self, scale: float) -> Function:
        """The function multiplied by a number."""
        data = np.asarray(self.data, dtype=float)
        if self.code == CUBIC:
            n = len(data) // 5
            data = np.concatenate([data[:n], data[n:] * scale])
        elif self.code == SINE:
            data = data * np.array([scale, 1.0, 1.0, scale])
        else:
            data = data * scale
        return Function(self.code, tuple(data.tolist()))

    def value(self, *arguments: Floats | float) -> Floats:
        """The function of its arguments, each of any one shape."""
        data = np.asarray(self.data)
        x = np.asarray(arguments[0] if arguments else 0.0, dtype=float)
        if self.code == CONSTANT:
            return np.full(x.shape, data[0])
        if self.code == LINEAR:
            slopes = zip(data[:-1], arguments, strict=True)
            return np.asarray(sum(a * np.asarray(v, dtype=float) for a, v in slopes) + data[-1])
        if self.code == POLYNOMIAL:
            return np.polyval(data, x)
        if self.code == SINE:
            return np.asarray(data[0] * np.sin(data[1] * x + data[2]) + data[3])
        knots, y, b, c, d = data.reshape(5, -1)
        k = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, len(knots) - 1)
        s = x - knots[k]
        is_outside = (x < knots[0]) | (x >= knots[-1])
        return np.where(is_outside, y[k] + b[k] * s, y[k] + s * (b[k] + s * (c[k] + s * d[k])))


IDENTITY = Function(LINEAR, (1.0, 0.0))
ZERO = Function(CONSTANT, (0.0,))


def read(element: Element, n_arguments: int) -> Function:
    """The function of an XML element.

    Raises
    ------
    ValueError : an unknown or unfit function, with the reason; the caller adds the place in the file.
    """
    kind = element.tag
    if kind == "Constant":
        return Function(CONSTANT, (_number(element, "value", 0.0),))
    if kind == "LinearFunction":
        coefficients = _numbers(element, "coefficients")
        if len(coefficients) != n_arguments + 1:
            raise ValueError(
                f"LinearFunction has {len(coefficients)} coefficients; expected {n_arguments + 1} for "
                f"{n_arguments} coordinate(s)"
            )
        return Function(LINEAR, tuple(coefficients))
    if kind == "PolynomialFunction":
        return Function(POLYNOMIAL, tuple(_numbers(element, "coefficients")))
    if kind == "Sine":
        amplitude, omega, phase = (_number(element, name) for name in ("amplitude", "omega", "phase"))
        return Function(SINE, (amplitude, omega, phase, _number(element, "offset", 0.0)))
    if kind in ("SimmSpline", "NaturalCubicSpline", "PiecewiseLinearFunction"):
        x, y = np.array(_numbers(element, "x")), np.array(_numbers(element, "y"))
        if len(x) != len(y) or len(x) < 2:
            raise ValueError(f"{kind} has {len(x)} x and {len(y)} y values; expected equal numbers and at least 2")
        if not (np.diff(x) > 0).all():
            raise ValueError(f"{kind}: its x values do not increase")
        return spline(x, y, kind)
    if kind == "MultiplierFunction":
        inner = element.find("function")
        inner = inner[0] if inner is not None and len(inner) else None
        if inner is None:
            raise ValueError("MultiplierFunction has no function")
        return read(inner, n_arguments).times(_number(element, "scale", 1.0))
    raise ValueError(f"the function {kind} is not known; known are {', '.join(KNOWN)}")


def spline(x: Floats, y: Floats, kind: str) -> Function:
    """A cubic spline (or straight pieces) through points (n,), as OpenSim draws it.

    SimmSpline: the third derivative at each end is that of the cubic through the four points there (Forsythe, Malcolm
    and Moler 1977, Computer Methods for Mathematical Computations, chapter 4.4); fewer than four points: 0. It goes on
    as straight lines beyond the ends. NaturalCubicSpline is its earlier name: OpenSim 4.6 reads it as a SimmSpline,
    with curvature at the ends (docs/decisions/natural-cubic-spline.md).
    """
    n, h = len(x), np.diff(x)
    slope = np.diff(y) / h
    if kind == "PiecewiseLinearFunction" or n == 2:
        b = np.append(slope, slope[-1])
        return _cubic(x, y, b, np.zeros(n), np.zeros(n))
    # sigma = second derivative / 6 at each knot: continuous slopes at the inner knots
    matrix, right = np.zeros((n, n)), np.zeros(n)
    for i in range(1, n - 1):
        matrix[i, i - 1 : i + 2] = h[i - 1], 2 * (h[i - 1] + h[i]), h[i]
        right[i] = slope[i] - slope[i - 1]
    matrix[0, :2] = -h[0], h[0]
    matrix[-1, -2:] = h[-1], -h[-1]
    if n > 3:  # third derivative / 6 of the end cubics = their third divided differences
        right[0] = h[0] ** 2 * _third_difference(x[:4], y[:4])
        right[-1] = -(h[-1] ** 2) * _third_difference(x[-4:], y[-4:])
    sigma = np.linalg.solve(matrix, right)
    b, c, d = np.empty(n), 3 * sigma, np.zeros(n)
    b[:-1] = slope - h * (sigma[1:] + 2 * sigma[:-1])
    b[-1] = slope[-1] + h[-1] * (sigma[-2] + 2 * sigma[-1])
    d[:-1] = (sigma[1:] - sigma[:-1]) / h
    return _cubic(x, y, b, c, d)


def _third_difference(x: Floats, y: Floats) -> float:
    """The third divided difference of four points: the leading coefficient of the cubic through them."""
    return float(sum(y[i] / np.prod(x[i] - np.delete(x, i)) for i in range(4)))


def _cubic(*parts: Floats) -> Function:
    return Function(CUBIC, tuple(np.concatenate(parts).tolist()))


def _numbers(element: Element, name: str) -> list[float]:
    child = element.find(name)
    if child is None or not (child.text or "").strip():
        raise ValueError(f"{element.tag} has no <{name}>")
    values = floats(child.text or "")
    if values is None:
        raise ValueError(f"{element.tag}: <{name}> holds {(child.text or '').strip()!r}; expected numbers")
    if not np.isfinite(values).all():
        raise ValueError(f"{element.tag}: <{name}> holds a value that is not finite")
    return values


def _number(element: Element, name: str, default: float | None = None) -> float:
    if default is not None and element.find(name) is None:
        return default
    return _numbers(element, name)[0]
