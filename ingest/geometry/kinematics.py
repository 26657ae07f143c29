"""Forward kinematics of a tree of joints: channel values in, positions and rotations to the lab out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from neurostore.arrays import Bools, Floats, Ints
from neurostore.compiled import kernel
from neurostore.ingest.geometry.rotations import IDENTITY

#: operation codes: a channel that moves along or turns about x, y, z
MOVE = {"x": 0, "y": 1, "z": 2}
TURN = {"x": 3, "y": 4, "z": 5}


@dataclass(slots=True)
class Tree:
    """A tree of N nodes (joints and end sites), parents before children.

    Attributes
    ----------
    names : of the nodes. parents : (N,) int64, -1 for the root.
    offsets : (N, 3) in source units, in the parent's frame.
    is_end : (N,) bool, End Sites.
    operations : per node the (channel index, code) in the order in which they multiply, R = R1 · R2 · R3.
    n_channels : values of a frame. adds : (N,) bool, position channels add to the offset (else they replace it).
    before, after : (N, 4) fixed rotations, local = before · channels · after (the axis of an ASF bone).
    angle_scale : radians per unit of an angle channel.
    """

    names: list[str]
    parents: Ints
    offsets: Floats
    is_end: Bools
    operations: list[list[tuple[int, int]]]
    n_channels: int
    angle_scale: float = np.pi / 180
    adds: Bools = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    before: Floats = field(default_factory=lambda: np.zeros((0, 4)))
    after: Floats = field(default_factory=lambda: np.zeros((0, 4)))

    def __post_init__(self) -> None:
        n = len(self.names)
        if len(self.adds) != n:
            self.adds = np.zeros(n, dtype=np.bool_)
        if len(self.before) != n:
            self.before = np.tile(IDENTITY, (n, 1))
            self.after = np.tile(IDENTITY, (n, 1))


def forward(
    tree: Tree,
    values: Floats,
    scale: float = 1.0,
    lab: Floats = IDENTITY,
    positions: Floats | None = None,
    rotations: Floats | None = None,
    slots: Ints | None = None,
) -> tuple[Floats, Floats]:
    """Positions and rotations of every node in every frame.

    Parameters
    ----------
    values : (n, n_channels) float64, source units and angle units; NaN makes the node and all below it NaN.
    scale : millimetres per source unit. lab : (4,) rotation of the source's frame to the lab (up to Y).
    positions, rotations : (n, N, 3) and (n, N, 4) arrays to fill, float32 or float64; made as float32 if not given.
    slots : (N,) column of those arrays that each node goes to, -1 for none; by default its own index.

    Returns
    -------
    positions (n, N, 3) in mm, rotations (n, N, 4) unit quaternions, node to lab.
    """
    n, nodes = len(values), len(tree.names)
    positions = np.empty((n, nodes, 3), dtype=np.float32) if positions is None else positions
    rotations = np.empty((n, nodes, 4), dtype=np.float32) if rotations is None else rotations
    slots = np.arange(nodes) if slots is None else slots
    first = np.cumsum([0] + [len(o) for o in tree.operations])
    flat = np.array([pair for o in tree.operations for pair in o], dtype=np.int64).reshape(-1, 2)
    is_turned = (np.abs(tree.before - IDENTITY).max(axis=1) > 0) | (np.abs(tree.after - IDENTITY).max(axis=1) > 0)
    _forward(
        np.ascontiguousarray(values, dtype=np.float64),
        np.asarray(tree.parents, dtype=np.int64),
        np.asarray(tree.offsets, dtype=np.float64),
        first.astype(np.int64),
        np.ascontiguousarray(flat[:, 0]),
        np.ascontiguousarray(flat[:, 1]),
        np.asarray(tree.adds, dtype=np.bool_),
        np.asarray(is_turned, dtype=np.bool_),
        np.asarray(tree.before, dtype=np.float64),
        np.asarray(tree.after, dtype=np.float64),
        0.5 * float(tree.angle_scale),
        float(scale),
        np.asarray(lab, dtype=np.float64),
        np.asarray(slots, dtype=np.int64),
        positions,
        rotations,
    )
    return positions, rotations


_AT_ONCE = 64  # frames that are computed for one joint before the next, so that they stay in the nearest cache


@kernel
def _forward(  # type: ignore[no-untyped-def]
    values,
    parents,
    offsets,
    first,
    column,
    code,
    adds,
    is_turned,
    before,
    after,
    half,
    scale,
    lab,
    slots,
    positions,
    rotations,
):
    n, nodes = values.shape[0], parents.shape[0]
    q = np.empty((nodes + 1, 4, _AT_ONCE))  # the last is the lab, parent of the root
    p = np.zeros((nodes + 1, 3, _AT_ONCE))
    for part in range(4):
        q[nodes, part] = lab[part]
    t = np.empty((3, _AT_ONCE))
    sine = np.empty(_AT_ONCE)
    cosine = np.empty(_AT_ONCE)
    for start in range(0, n, _AT_ONCE):
        m = min(_AT_ONCE, n - start)
        for j in range(nodes):
            w, x, y, z = q[j, 0], q[j, 1], q[j, 2], q[j, 3]
            for axis in range(3):
                t[axis] = offsets[j, axis]
            for part in range(4):
                q[j, part] = before[j, part]
            for k in range(first[j], first[j + 1]):
                c = code[k]
                if c < 3:
                    for f in range(m):
                        v = values[start + f, column[k]]
                        t[c, f] = t[c, f] + v if adds[j] else v
                    continue
                for f in range(m):
                    sine[f] = values[start + f, column[k]] * half
                _sine_and_cosine(sine, cosine)
                if c == 3:
                    _turn(w, x, y, z, sine, cosine)
                elif c == 4:
                    _turn(w, y, z, x, sine, cosine)
                else:
                    _turn(w, z, x, y, sine, cosine)
            if is_turned[j]:
                a, b, c2, d = after[j, 0], after[j, 1], after[j, 2], after[j, 3]
                for f in range(m):
                    w[f], x[f], y[f], z[f] = (
                        w[f] * a - x[f] * b - y[f] * c2 - z[f] * d,
                        w[f] * b + x[f] * a + y[f] * d - z[f] * c2,
                        w[f] * c2 - x[f] * d + y[f] * a + z[f] * b,
                        w[f] * d + x[f] * c2 - y[f] * b + z[f] * a,
                    )
            i = parents[j] if parents[j] >= 0 else nodes
            _place(
                p[j, 0],
                p[j, 1],
                p[j, 2],
                q[i, 0],
                q[i, 1],
                q[i, 2],
                q[i, 3],
                p[i, 0],
                p[i, 1],
                p[i, 2],
                t[0],
                t[1],
                t[2],
            )
            _multiply(w, x, y, z, q[i, 0], q[i, 1], q[i, 2], q[i, 3])
            slot = slots[j]
            if slot >= 0:
                for axis in range(3):
                    _copy(p[j, axis, :m], scale, positions[start : start + m, slot, axis])
                for part in range(4):
                    _copy(q[j, part, :m], 1.0, rotations[start : start + m, slot, part])


@kernel
def _place(x, y, z, pw, px, py, pz, ox, oy, oz, tx, ty, tz):  # type: ignore[no-untyped-def]
    """Where t is in the lab (x, y, z), in the frame of a parent turned by p at o."""
    for f in range(x.size):
        w, a, b, c = pw[f], px[f], py[f], pz[f]
        u, v, t = tx[f], ty[f], tz[f]
        ux = 2.0 * (b * t - c * v)
        uy = 2.0 * (c * u - a * t)
        uz = 2.0 * (a * v - b * u)
        x[f] = ox[f] + u + w * ux + b * uz - c * uy
        y[f] = oy[f] + v + w * uy + c * ux - a * uz
        z[f] = oz[f] + t + w * uz + a * uy - b * ux


@kernel
def _multiply(w, x, y, z, pw, px, py, pz):  # type: ignore[no-untyped-def]
    """Put the rotations p before (w, x, y, z), in place."""
    for f in range(w.size):
        lw, lx, ly, lz = w[f], x[f], y[f], z[f]
        a, b, c, d = pw[f], px[f], py[f], pz[f]
        w[f] = a * lw - b * lx - c * ly - d * lz
        x[f] = a * lx + b * lw + c * lz - d * ly
        y[f] = a * ly - b * lz + c * lw + d * lx
        z[f] = a * lz + b * ly - c * lx + d * lw


@kernel
def _copy(values, scale, out):  # type: ignore[no-untyped-def]
    for f in range(values.size):
        out[f] = values[f] * scale


@kernel
def _turn(w, a, b, c, sine, cosine):  # type: ignore[no-untyped-def]
    """Multiply quaternions (w, a, b, c) from the right by a turn about the axis of a; a, b, c in cyclic order."""
    for f in range(w.size):
        s, o = sine[f], cosine[f]
        wf, af, bf, cf = w[f], a[f], b[f], c[f]
        w[f] = wf * o - af * s
        a[f] = af * o + wf * s
        b[f] = bf * o + cf * s
        c[f] = cf * o - bf * s


@kernel
def _sine_and_cosine(sine, cosine):  # type: ignore[no-untyped-def]
    """Sine and cosine of the angles (radians) that ``sine`` holds, in place; NaN stays NaN.

    Taylor polynomials on ±π/2, to 3e-16 there; the reduction adds 4e-16 for each half turn of the angle. Two calls of
    the C library per channel were three quarters of the kinematics: this loop is vectorised.
    """
    for f in range(sine.size):
        x = sine[f]
        k = np.rint(x * (1.0 / np.pi))
        sign = 1.0 - 2.0 * (k - 2.0 * np.floor(0.5 * k))
        r = x - k * np.pi
        u = r * r
        s = -1 / 121645100408832000.0
        s = s * u + 1 / 355687428096000.0
        s = s * u - 1 / 1307674368000.0
        s = s * u + 1 / 6227020800.0
        s = s * u - 1 / 39916800.0
        s = s * u + 1 / 362880.0
        s = s * u - 1 / 5040.0
        s = s * u + 1 / 120.0
        s = s * u - 1 / 6.0
        o = 1 / 2432902008176640000.0
        o = o * u - 1 / 6402373705728000.0
        o = o * u + 1 / 20922789888000.0
        o = o * u - 1 / 87178291200.0
        o = o * u + 1 / 479001600.0
        o = o * u - 1 / 3628800.0
        o = o * u + 1 / 40320.0
        o = o * u - 1 / 720.0
        o = o * u + 1 / 24.0
        o = o * u - 0.5
        sine[f] = sign * (r + r * u * s)
        cosine[f] = sign * (1.0 + u * o)
