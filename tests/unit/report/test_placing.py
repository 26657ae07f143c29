"""Dots and names that do not cover each other, by their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurostore.report.placing import AROUND, DOT, HEIGHT, LETTER, places_of_names, swarm


@given(st.lists(st.floats(0, 10), min_size=1, max_size=40))
def test_dots_near_in_value_lie_beside_each_other(values):
    offsets = swarm(values, 0.0, 10.0, n_rows=20, step=0.1, widest=1e9)
    for i in range(len(values)):
        for j in range(i):
            assert abs(values[i] - values[j]) >= 0.5 or abs(offsets[i] - offsets[j]) > 0.05
    assert (offsets == 0).any()


def test_equal_values_fill_a_row_from_the_middle_and_never_pass_the_widest():
    assert sorted(swarm([1.0] * 5, 0, 10, step=0.1, widest=1.0)) == pytest.approx([-0.2, -0.1, 0, 0.1, 0.2])
    assert np.abs(swarm([1.0] * 500, 0, 10)).max() == pytest.approx(0.26)
    assert swarm([3.0], 3.0, 3.0).tolist() == [0.0]


def test_names_give_way_to_dots_and_other_names():
    points = np.array([[0.0, 0.0], [30.0, 0.0], [300.0, 300.0]])
    words = places_of_names(points, ["left", "right", "far"], (300.0, 300.0))  # a pixel a unit
    assert words[0] != "middle right"  # the second dot is there
    assert words[2] == next(iter(AROUND))  # nothing is near: the best place

    def box(i, name):
        right, up = AROUND[words[i]]
        x = points[i, 0] + right * (LETTER * len(name) + 2 * DOT)
        return x, points[i, 1] + up * (HEIGHT + 2 * DOT), LETTER * len(name)

    (x, y, width), (x2, y2, width2) = box(0, "left"), box(1, "right")
    assert abs(y - y2) >= HEIGHT or abs(x - x2) >= (width + width2) / 2


def test_names_of_dots_in_one_place_are_all_placed():
    words = places_of_names(np.zeros((3, 2)), ["a", "b", "c"], (300.0, 300.0))
    assert len(set(words)) == 3
