"""The smallest BVH files worth reading: a standing figure of 1.7 m in centimetres that sways a little."""

from __future__ import annotations

import math
from pathlib import Path

# name, offset in cm from the joint above it, depth
_JOINTS = (
    ("Hips", (0, 0, 0), 0),
    ("LeftUpLeg", (9, 0, 0), 1),
    ("LeftLeg", (0, -42, 0), 2),
    ("LeftFoot", (0, -41, 0), 3),
    ("LeftToeBase", (0, -7, 14), 4),
    ("RightUpLeg", (-9, 0, 0), 1),
    ("RightLeg", (0, -42, 0), 2),
    ("RightFoot", (0, -41, 0), 3),
    ("RightToeBase", (0, -7, 14), 4),
    ("Spine", (0, 25, 0), 1),
    ("Neck", (0, 25, 0), 2),
    ("Head", (0, 12, 0), 3),
)


def bvh_text(n_frames: int = 30, rate_hz: float = 60.0, sway_deg: float = 5.0) -> str:
    """A BVH file. The pelvis is at 90 cm; the right knee flexes by up to ``sway_deg``."""
    lines = ["HIERARCHY"]
    depth = -1
    for index, (name, offset, level) in enumerate(_JOINTS):
        while depth >= level:
            lines.append("  " * depth + "}")
            depth -= 1
        indent = "  " * level
        lines += [f"{indent}{'ROOT' if index == 0 else 'JOINT'} {name}", indent + "{"]
        lines.append(f"{indent}  OFFSET {' '.join(f'{v:.4f}' for v in offset)}")
        position = "Xposition Yposition Zposition " if index == 0 else ""
        lines.append(f"{indent}  CHANNELS {6 if index == 0 else 3} {position}Zrotation Xrotation Yrotation")
        depth = level
        if index + 1 == len(_JOINTS) or _JOINTS[index + 1][2] <= level:
            lines += [f"{indent}  End Site", indent + "  {", f"{indent}    OFFSET 0 0 5", indent + "  }"]
    while depth >= 0:
        lines.append("  " * depth + "}")
        depth -= 1
    lines += ["MOTION", f"Frames: {n_frames}", f"Frame Time: {1 / rate_hz:.7f}"]
    for frame in range(n_frames):
        angle = sway_deg * math.sin(2 * math.pi * frame / max(n_frames, 1))
        values = [0.0, 90.0, frame * 0.5]
        for name, _, _ in _JOINTS:
            values += [0.0, angle if name == "RightLeg" else 0.0, 0.0]
        lines.append(" ".join(f"{v:.6f}" for v in values))
    return "\n".join(lines) + "\n"


def write_bvh(path: Path, n_frames: int = 30, **options: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(bvh_text(n_frames, **options))
    return path
