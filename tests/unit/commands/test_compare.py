"""What `compare` says below its table."""

from __future__ import annotations

from neurostore.commands.compare import _cycles
from neurostore.statistics.pooling import cycles_texts


def row(parameter: str, **levels: int) -> dict:
    (a, n_a), (b, n_b) = levels.items()
    return {"parameter": parameter, "a": a, "b": b, "n_cycles_a": n_a, "n_cycles_b": n_b}


def test_the_cycles_behind_the_values_are_counted_by_level():
    same = [row("speed", pre=40, post=32), row("cadence", pre=40, post=32)]
    assert cycles_texts(_cycles(same)) == ["cycles: pre 40, post 32"]
    three = [row("speed", a=5, b=6), row("speed", a=5, c=7), row("speed", b=6, c=7)]
    assert cycles_texts(_cycles(three)) == ["cycles: a 5, b 6, c 7"]
    assert cycles_texts(_cycles([*same, row("knee", pre=20, post=16)])) == [
        "cycles of speed, cadence: pre 40, post 32",
        "cycles of knee: pre 20, post 16",
    ]
    assert (
        cycles_texts(_cycles([{"parameter": "age", "a": "x", "b": "y", "n_cycles_a": None, "n_cycles_b": None}])) == []
    )
