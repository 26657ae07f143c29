"""Forward kinematics of a tree of joints: channel values in, positions and rotations to the lab out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .compiled import kernel
from .rotations import IDENTITY

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
    parents: np.ndarray
    offsets: np.ndarray
    is_end: np.ndarray
    operations: list[list[tuple[int, int]]]
    n_channels: int
    angle_scale: float = np.pi / 180
    adds: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    before: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))
    after: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))

    def __post_init__(self) -> None:
        n = len(self.names)
        if len(self.adds) != n:
            self.adds = np.zeros(n, dtype=np.bool_)
        if len(self.before) != n:
            self.before = np.tile(IDENTITY, (n, 1))
            self.after = np.tile(IDENTITY, (n, 1))


def forward(
    tree: Tree,
    values: np.ndarray,
    scale: float = 1.0,
    lab: np.ndarray = IDENTITY,
    positions: np.ndarray | None = None,
    rotations: np.ndarray | None = None,
    slots: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
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


@kernel
def _forward(
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
):  # type: ignore[no-untyped-def]
    n, nodes = values.shape[0], parents.shape[0]
    q = np.empty((nodes, 4))
    p = np.empty((nodes, 3))
    for f in range(n):
        for j in range(nodes):
            tx, ty, tz = offsets[j, 0], offsets[j, 1], offsets[j, 2]
            w, x, y, z = 1.0, 0.0, 0.0, 0.0
            if is_turned[j]:
                w, x, y, z = before[j, 0], before[j, 1], before[j, 2], before[j, 3]
            for k in range(first[j], first[j + 1]):
                v = values[f, column[k]]
                c = code[k]
                if c < 3:
                    if c == 0:
                        tx = tx + v if adds[j] else v
                    elif c == 1:
                        ty = ty + v if adds[j] else v
                    else:
                        tz = tz + v if adds[j] else v
                elif v != 0.0:  # NaN is not 0
                    s, o = np.sin(v * half), np.cos(v * half)
                    if c == 3:
                        w, x, y, z = w * o - x * s, x * o + w * s, y * o + z * s, z * o - y * s
                    elif c == 4:
                        w, x, y, z = w * o - y * s, x * o - z * s, y * o + w * s, z * o + x * s
                    else:
                        w, x, y, z = w * o - z * s, x * o + y * s, y * o - x * s, z * o + w * s
            if is_turned[j]:
                a, b, c2, d = after[j, 0], after[j, 1], after[j, 2], after[j, 3]
                w, x, y, z = (
                    w * a - x * b - y * c2 - z * d,
                    w * b + x * a + y * d - z * c2,
                    w * c2 - x * d + y * a + z * b,
                    w * d + x * c2 - y * b + z * a,
                )
            if parents[j] < 0:
                pw, px, py, pz = lab[0], lab[1], lab[2], lab[3]
                ox, oy, oz = 0.0, 0.0, 0.0
            else:
                i = parents[j]
                pw, px, py, pz = q[i, 0], q[i, 1], q[i, 2], q[i, 3]
                ox, oy, oz = p[i, 0], p[i, 1], p[i, 2]
            q[j, 0] = pw * w - px * x - py * y - pz * z
            q[j, 1] = pw * x + px * w + py * z - pz * y
            q[j, 2] = pw * y - px * z + py * w + pz * x
            q[j, 3] = pw * z + px * y - py * x + pz * w
            ux = 2.0 * (py * tz - pz * ty)
            uy = 2.0 * (pz * tx - px * tz)
            uz = 2.0 * (px * ty - py * tx)
            p[j, 0] = ox + tx + pw * ux + py * uz - pz * uy
            p[j, 1] = oy + ty + pw * uy + pz * ux - px * uz
            p[j, 2] = oz + tz + pw * uz + px * uy - py * ux
            slot = slots[j]
            if slot >= 0:
                for axis in range(3):
                    positions[f, slot, axis] = p[j, axis] * scale
                for part in range(4):
                    rotations[f, slot, part] = q[j, part]
