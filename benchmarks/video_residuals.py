"""What the errors of single cameras are like by direction: the table of ``video_truth.py --residuals``.

For the bone that ends at a joint, its *span* is how much farther from the camera the joint is than the bone's other
end. ``shrunk`` is the share of the true span that the estimate lacks (the slope of the span's error on the span),
``shift`` its mean error, and the columns of ``|cos|`` its root mean square error by the cosine of the true bone's angle
with the ray. ``swapped`` is the share of frames in which left and right, seen across the ray, would fit the other side
better by 20 mm each.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

NEAR = {"knee": "hip", "ankle": "knee", "elbow": "shoulder", "wrist": "elbow"}
EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.01)
_APART_MM, _BETTER_MM = 80.0, 40.0
Points = dict[str, np.ndarray]


def residuals(found: Points, truth: Points, rays: Points, along: np.ndarray, across: np.ndarray) -> Points:
    """Of one camera, per joint ``left_knee`` …: along and across (n,), span, true span and |cos| (n,), swapped (n,)."""
    out = {}
    for i, name in enumerate(rays):
        side, part = name.split("_")
        out[f"{name} along"], out[f"{name} across"] = along[i], across[i]
        if part not in NEAR:
            continue
        ray, near = rays[name], f"{side}_{NEAR[part]}"
        bone = truth[name] - truth[near]
        out[f"{name} span"] = (bone * ray).sum(axis=-1)
        out[f"{name} off"] = ((found[name] - found[near]) * ray).sum(axis=-1) - out[f"{name} span"]
        out[f"{name} cosine"] = np.abs(out[f"{name} span"]) / np.linalg.norm(bone, axis=-1)
        out[f"{name} swapped"] = swapped(found, truth, rays, part)
    return out


def swapped(found: Points, truth: Points, rays: Points, part: str) -> np.ndarray:
    """(n,) 1 where the sides fit better exchanged, 0 where not, NaN where they are too near each other to tell."""

    def apart(a: np.ndarray, b: np.ndarray, ray: np.ndarray) -> np.ndarray:
        off = a - b
        return np.linalg.norm(off - (off * ray).sum(axis=-1, keepdims=True) * ray, axis=-1)

    left, right = f"left_{part}", f"right_{part}"
    own = apart(found[left], truth[left], rays[left]) + apart(found[right], truth[right], rays[right])
    other = apart(found[left], truth[right], rays[left]) + apart(found[right], truth[left], rays[right])
    known = np.isfinite(own + other) & (apart(truth[left], truth[right], rays[left]) > _APART_MM)
    return np.where(known, (other < own - _BETTER_MM).astype(float), np.nan)


def show_residuals(cameras: dict[str, list[Points]]) -> None:
    """Print the table of each trial, and of all. cameras : of each trial."""
    everything = {**cameras, "all": [camera for some in cameras.values() for camera in some]}
    heads = [f"<{edge:.1f}" for edge in EDGES[1:-1]] + ["rest"]
    for title, some in everything.items():
        print(f"\nerrors of {len(some)} cameras, {title}, mm (root mean square); of spans by |cos| to the ray")
        print(f"{'joint':10s}{'along':>8s}{'across':>8s}{'shrunk':>8s}{'shift':>8s}{'swapped':>8s}", end="")
        print("".join(f"{head:>8s}" for head in heads))
        for part in NEAR:
            of = {k: gathered(some, part, k) for k in ("along", "across", "span", "off", "cosine", "swapped")}
            known = np.isfinite(of["span"]) & np.isfinite(of["off"])
            slope = np.polyfit(of["span"][known], of["off"][known], 1)[0]
            cells = [rms(of["along"]), rms(of["across"]), -slope, of["off"][known].mean(), np.nanmean(of["swapped"])]
            for low, high in pairwise(EDGES):
                inside = known & (of["cosine"] >= low) & (of["cosine"] < high)
                cells.append(rms(of["off"][inside]) if inside.sum() > 10 else np.nan)
            texts = [f"{v:8.2f}" if k in (2, 4) else f"{v:8.0f}" for k, v in enumerate(cells)]
            print(f"{part:10s}" + "".join(texts))


def gathered(cameras: list[Points], part: str, kind: str) -> np.ndarray:
    return np.concatenate([camera[f"{side}_{part} {kind}"] for camera in cameras for side in ("left", "right")])


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean(np.square(values))))
