"""A model as flat arrays for the compiled kernels, cut down to what chosen targets can see.

Bodies that no target hangs on are left out, and joints that cannot move (welds, locked coordinates) are folded into
fixed placements, so that a frame costs no more than necessary.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from neurostore.arrays import Bools, Floats, Ints
from neurostore.errors import UsageError

from .functions import CONSTANT, IDENTITY, ITSELF
from .limbs import limbs_of, own_rows
from .limits import limits
from .model import GROUND, Axis, Coupler, Joint, Model, Placement


class Arrays(NamedTuple):
    """What the kernels take: B nodes (a node is a moved body), A axes, Q coordinates, K couplers, U free coordinates.

    Attributes
    ----------
    parent : (B,) node, -1 the ground; parents before children. sign : (B,) -1 where the joint is reversed.
    before_r, before_p : (B, 3, 3) and (B, 3), the joint's near frame in the parent node.
    after_r, after_p : the node's own frame in the joint's far frame.
    axis_start : (B + 1,) axes of each node, rotations first. axis_turns : (A,) bool. axis : (A, 3).
    code : (A + K,) function of each axis, then of each coupler. data_start : (A + K + 1,) into data.
    argument_start, argument : coordinates of each function. argument_column : the column each one feeds, -1 for none.
    column_start : (B + 1,) columns of each node. A column is a coordinate of a node. column_q : (C,).
    ancestor_start, ancestor : columns of each node's ancestors, its own not among them.
    dependent : (K,) coupled coordinates in an order in which each one's independents come before it.
    free : (U,) coordinates that are solved for, ancestors before descendants.
    gather_start, gather : free coordinates (by their index in free) that each column moves with.
    """

    parent: Ints
    sign: Floats
    before_r: Floats
    before_p: Floats
    after_r: Floats
    after_p: Floats
    axis_start: Ints
    axis_turns: Bools
    axis: Floats
    code: Ints
    data_start: Ints
    data: Floats
    argument_start: Ints
    argument: Ints
    argument_column: Ints
    column_start: Ints
    column_q: Ints
    ancestor_start: Ints
    ancestor: Ints
    dependent: Ints
    free: Ints
    gather_start: Ints
    gather: Ints


@dataclass(frozen=True, slots=True)
class Tree:
    """A model cut down to what is seen.

    Attributes
    ----------
    arrays : what the kernels take.
    names : Q coordinates in the model's order. q_default, q_low, q_high : (Q,), limits infinite where not clamped. q_whole : (Q,) 2π for coordinates whose values are equivalent after whole turns, else 0.
    pattern : (row_start (U + 1,), row_own (U,), row), for each free coordinate the earlier ones that its normal equations
        and their factors touch, and where those of its own limb begin. limbs : see limbs.limbs_of.
    body_node : body -> node, -1 the ground. body_place : body -> its frame in the node.
    """

    arrays: Arrays
    names: tuple[str, ...]
    q_default: Floats
    q_low: Floats
    q_high: Floats
    q_whole: Floats
    pattern: tuple[Ints, Ints, Ints]
    limbs: Ints
    body_node: dict[str, int]
    body_place: dict[str, Placement]

    @property
    def n_nodes(self) -> int:
        """Number of nodes of the tree."""
        return len(self.arrays.parent)


#: the trees built last, since a fit asks for them several times: moving parts of the model, bodies seen, and the tree
_recent: deque[tuple[tuple[object, ...], frozenset[str], Tree]] = deque(maxlen=8)


def build_tree(model: Model, seen: Sequence[str] | None = None, or_more: bool = False) -> Tree:
    """The model's tree over the bodies in ``seen`` and what carries them; all bodies by default.

    or_more : a tree built before may be used although it has further bodies.
    """
    moving, wanted = (
        (model.joints, model.coordinates, model.couplers),
        frozenset(model.bodies if seen is None else seen),
    )
    for known, of, tree in list(_recent):
        if (of == wanted or (or_more and of > wanted)) and all(a is b for a, b in zip(known, moving, strict=True)):
            return tree
    tree = _build(model, seen)
    _recent.append((moving, wanted, tree))
    return tree


def _build(model: Model, seen: Sequence[str] | None) -> Tree:
    needed = _needed(model, seen)
    by_name = {c.name: c for c in model.coordinates}
    dependents = {c.dependent: c for c in model.couplers}
    still = {c.name for c in model.coordinates if c.is_locked}
    still -= set(dependents)
    at = {c.name: i for i, c in enumerate(model.coordinates)}
    builder = _Builder(model, at, {n: by_name[n].default for n in still})
    for joint, backward in _depth_first(model):
        if (joint.parent if backward else joint.child) in needed:
            builder.add(joint, backward)
    order = _coupler_order([c for c in model.couplers if _is_used(c, builder, at, model.couplers)])
    for coupler in order:
        builder.add_function(Axis(np.zeros(3), coupler.function, coupler.independents, False), None)
    return builder.tree(order, dependents, still)


def _depth_first(model: Model) -> Iterator[tuple[Joint, bool]]:
    """Joints and whether each is reversed, from the ground; all that hangs on one comes before its next sibling."""
    hung: dict[str, list[tuple[Joint, bool]]] = {}
    for joint in model.joints:
        backward = joint.name in model.reversed_joints
        hung.setdefault(joint.child if backward else joint.parent, []).append((joint, backward))
    waiting = hung.get(GROUND, [])[::-1]
    while waiting:
        joint, backward = waiting.pop()
        yield joint, backward
        waiting += hung.get(joint.parent if backward else joint.child, [])[::-1]


def _needed(model: Model, seen: Sequence[str] | None) -> set[str]:
    carries = {}
    for joint in model.joints:
        backward = joint.name in model.reversed_joints
        near, far = (joint.child, joint.parent) if backward else (joint.parent, joint.child)
        carries[far] = near
    needed: set[str] = set()
    for body in model.bodies if seen is None else seen:
        if body != GROUND and body not in carries:
            raise UsageError(
                f"{body!r} is not a body of the model {model.name}; its bodies are {', '.join(model.bodies)}"
            )
        while body != GROUND and body not in needed:
            needed.add(body)
            body = carries[body]
    return needed


def _is_used(coupler: Coupler, builder: _Builder, at: dict[str, int], couplers: tuple[Coupler, ...]) -> bool:
    """The dependent moves a body that is kept, or another coupler that is used."""
    if at[coupler.dependent] in builder.moved:
        return True
    return any(coupler.dependent in c.independents and _is_used(c, builder, at, couplers) for c in couplers)


def _coupler_order(used: list[Coupler]) -> list[Coupler]:
    order: list[Coupler] = []
    left = list(used)
    done: set[str] = set()
    while left:
        waiting = {c.dependent for c in left}
        ready = [c for c in left if not waiting & set(c.independents)]
        if not ready:
            names = ", ".join(c.name for c in left)
            raise UsageError(f"couplers {names} depend on each other in a circle")
        order += ready
        done |= {c.name for c in ready}
        left = [c for c in left if c.name not in done]
    return order


class _Builder:
    """Gathers the lists that become a :class:`Tree`."""

    def __init__(self, model: Model, at: dict[str, int], still: dict[str, float]):
        self.model, self.at, self.still = model, at, still
        self.node = {GROUND: -1}
        self.place = {GROUND: Placement.identity()}
        self.parent: list[int] = []
        self.sign: list[float] = []
        self.before: list[Placement] = []
        self.after: list[Placement] = []
        self.axis_start, self.column_start, self.data_start, self.argument_start = [0], [0], [0], [0]
        self.axes: list[Axis] = []
        self.code: list[int] = []
        self.data: list[float] = []
        self.argument: list[int] = []
        self.argument_column: list[int] = []
        self.column_q: list[int] = []
        self.moved: set[int] = set()

    def add(self, joint: Joint, backward: bool) -> None:
        near, far = (joint.child, joint.parent) if backward else (joint.parent, joint.child)
        near_frame, far_frame = joint.parent_frame, joint.child_frame
        if backward:
            near_frame, far_frame = far_frame, near_frame
        axes = [a for a in joint.axes if any(c not in self.still for c in a.coordinates)]
        base = near_frame.after(self.place[near])
        if not axes:
            values = {c: np.asarray(self.still.get(c, 0.0)) for c in joint.coordinates}
            across = _fixed_across(joint.axes, values)
            across = across.inverse() if backward else across
            self.node[far] = self.node[near]
            self.place[far] = far_frame.inverse().after(across).after(base)
            return
        # in the order of the first axes that they move, because second derivatives depend on the order of rotations
        own = list(dict.fromkeys(self.at[c] for a in axes for c in a.coordinates if c not in self.still))
        column = {q: len(self.column_q) + k for k, q in enumerate(own)}
        self.column_q += own
        self.moved |= set(own)
        for axis in joint.axes:
            self.axes.append(axis)
            self.add_function(axis, column)
        self.node[far] = len(self.parent)
        self.place[far] = Placement.identity()
        self.parent.append(self.node[near])
        self.sign.append(-1.0 if backward else 1.0)
        self.before.append(base)
        self.after.append(far_frame.inverse())
        self.axis_start.append(len(self.axes))
        self.column_start.append(len(self.column_q))

    def add_function(self, axis: Axis, column: dict[int, int] | None) -> None:
        function = axis.function
        self.code.append(ITSELF if function == IDENTITY else function.code)
        self.data += function.data
        self.data_start.append(len(self.data))
        if function.code != CONSTANT:
            for name in axis.coordinates:
                q = self.at[name]
                self.argument.append(q)
                self.argument_column.append(-1 if column is None else column.get(q, -1))
        self.argument_start.append(len(self.argument))

    def tree(self, order: list[Coupler], dependents: dict[str, Coupler], still: set[str]) -> Tree:
        starts, ancestors = [0], []
        above: list[list[int]] = []
        for node, parent in enumerate(self.parent):
            chain = [] if parent < 0 else [*above[parent], *self._columns(parent)]
            above.append(chain)
            ancestors += chain
            starts.append(len(ancestors))
            assert node == len(above) - 1
        coordinates = self.model.coordinates
        wanted = self.moved | {self.at[n] for c in order for n in c.independents}
        held = still | set(dependents) | {c.name for c in coordinates if c.prescribed is not None}
        first = {q: k for k, q in reversed(list(enumerate(self.column_q)))}
        free = [i for i, c in enumerate(coordinates) if i in wanted and c.name not in held]
        free.sort(key=lambda i: first.get(i, len(first)))  # ancestors first: the factors stay sparse
        gather_start, gather = self._gather(order, free)
        own = tuple(tuple(self._columns(node)) for node in range(len(self.parent)))
        row_start, row = _pattern(tuple(map(tuple, above)), own, tuple(gather_start), tuple(gather), len(free))
        limbs = limbs_of(self.parent, self.column_start, gather_start, gather, len(free))
        limit = limits(coordinates, order)
        n = len(self.parent)
        arrays = Arrays(
            parent=np.array(self.parent, np.int64),
            sign=np.array(self.sign, float),
            before_r=np.array([p.rotation for p in self.before]).reshape(n, 3, 3),
            before_p=np.array([p.origin for p in self.before]).reshape(n, 3),
            after_r=np.array([p.rotation for p in self.after]).reshape(n, 3, 3),
            after_p=np.array([p.origin for p in self.after]).reshape(n, 3),
            axis_start=np.array(self.axis_start, np.int64),
            axis_turns=np.array([a.is_rotation for a in self.axes], np.bool_),
            axis=np.array([a.axis for a in self.axes], float).reshape(-1, 3),
            code=np.array(self.code, np.int64),
            data_start=np.array(self.data_start, np.int64),
            data=np.array(self.data, float),
            argument_start=np.array(self.argument_start, np.int64),
            argument=np.array(self.argument, np.int64),
            argument_column=np.array(self.argument_column, np.int64),
            column_start=np.array(self.column_start, np.int64),
            column_q=np.array(self.column_q, np.int64),
            ancestor_start=np.array(starts, np.int64),
            ancestor=np.array(ancestors, np.int64),
            dependent=np.array([self.at[c.dependent] for c in order], np.int64),
            free=np.array(free, np.int64),
            gather_start=np.array(gather_start, np.int64),
            gather=np.array(gather, np.int64),
        )
        return Tree(
            arrays=arrays,
            names=self.model.coordinate_names,
            q_default=np.array([c.default for c in coordinates], dtype=float),
            q_low=limit[:, 0].copy(),
            q_high=limit[:, 1].copy(),
            q_whole=self._whole_turns(limit),
            # unsigned, so that the kernels do not look for negative indices
            pattern=(np.array(row_start, np.int64), own_rows(limbs, row_start, row), np.array(row, np.uint64)),
            limbs=limbs,
            body_node=self.node,
            body_place=self.place,
        )

    def _whole_turns(self, limit: Floats) -> Floats:
        """(Q,) 2π where a coordinate without limits does nothing but turn about one axis by itself, else 0."""
        uses = np.bincount(np.array(self.argument, np.int64), minlength=len(limit))
        out = np.zeros(len(limit))
        for a, axis in enumerate(self.axes):
            if axis.is_rotation and self.code[a] == ITSELF:
                q = self.argument[self.argument_start[a]]
                if uses[q] == 1 and not np.isfinite(limit[q]).any():
                    out[q] = 2 * np.pi
        return out

    def _gather(self, order: list[Coupler], free: list[int]) -> tuple[list[int], list[int]]:
        """Free coordinates that each column moves with: itself, or what its coupler follows, or none."""
        moves = {q: {u} for u, q in enumerate(free)}
        for coupler in order:
            of = [moves.get(self.at[n], set()) for n in coupler.independents]
            moves[self.at[coupler.dependent]] = set().union(*of)
        starts, gathered = [0], []
        for q in self.column_q:
            gathered += sorted(moves.get(q, ()))
            starts.append(len(gathered))
        return starts, gathered

    def _columns(self, node: int) -> range:
        return range(self.column_start[node], self.column_start[node + 1])


@lru_cache(maxsize=32)
def _pattern(
    above: tuple[tuple[int, ...], ...],
    own: tuple[tuple[int, ...], ...],
    starts: tuple[int, ...],
    gather: tuple[int, ...],
    n_free: int,
) -> tuple[list[int], list[int]]:
    """Which free coordinates meet in the normal equations, and in their factors, eliminated from the last on.

    above, own : columns of each node's ancestors, and its own. The same for every person: only sizes differ.
    """
    meets: list[set[int]] = [set() for _ in range(n_free)]
    for chain, columns in zip(above, own, strict=True):
        seen = {u for c in [*chain, *columns] for u in gather[starts[c] : starts[c + 1]]}
        for u in {u for c in columns for u in gather[starts[c] : starts[c + 1]]}:
            for v in seen - {u}:
                meets[max(u, v)].add(min(u, v))
    for u in range(n_free - 1, -1, -1):
        for v in meets[u]:
            meets[v] |= {w for w in meets[u] if w < v}
    row_start, row = [0], []
    for met in meets:
        row += sorted(met)
        row_start.append(len(row))
    return row_start, row


def _fixed_across(axes: Sequence[Axis], values: dict[str, Floats]) -> Placement:
    """The joint's far frame in its near frame, where no coordinate moves."""
    turn, move = np.eye(3), np.zeros(3)
    for axis in axes:
        amount = float(axis.function.value(*(values[c] for c in axis.coordinates)))
        if axis.is_rotation:
            x, y, z = axis.axis
            cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
            turn = turn @ (np.eye(3) + np.sin(amount) * cross + (1 - np.cos(amount)) * cross @ cross)
        else:
            move = move + amount * axis.axis
    return Placement(turn, move)
