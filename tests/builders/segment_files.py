"""Legs that walk, as systems with a rotation of their own for each segment write them: Theia3D in C3D, Xsens MVN in MVNX."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation


def legs(n: int = 150) -> tuple[dict[str, np.ndarray], dict[str, Rotation], np.ndarray, np.ndarray]:
    """(origins mm by segment, x forward, y up, z right; their rotations; hip and knee flexion in degrees)."""
    t = np.linspace(0, 3, n)
    hip, knee = 20 * np.sin(4 * t) + 5, 30 - 25 * np.cos(4 * t)
    pelvis = np.stack([1200 * t, np.full(n, 950.0), 0 * t], -1)
    thigh = Rotation.from_euler("z", hip[:, None], degrees=True)
    shank = Rotation.from_euler("z", (hip - knee)[:, None], degrees=True)
    origins, turns = {"pelvis": pelvis, "torso": pelvis + np.array([0, 300, 0])}, {}
    turns["pelvis"] = turns["torso"] = Rotation.identity(n)
    for s, z in (("l", -85), ("r", 85)):
        origins[f"{s}_thigh"] = pelvis + np.array([0, -10, z])
        origins[f"{s}_shank"] = origins[f"{s}_thigh"] + thigh.apply([0, -420, 0])
        origins[f"{s}_foot"] = origins[f"{s}_shank"] + shank.apply([0, -410, 0])
        origins[f"{s}_toes"] = origins[f"{s}_foot"] + shank.apply([140, -50, 0])
        turns |= {f"{s}_thigh": thigh, f"{s}_shank": shank, f"{s}_foot": shank, f"{s}_toes": shank}
    return origins, turns, hip, knee


# Columns: what our x, y, z are in the maker's own lab (x forward, z up, y left) and segment axes.
Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
THEIA = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])


def theia_c3d(path: Path, by_rows: bool = False, unseen: int | None = None, n: int = 150) -> Path:
    """A C3D file of n frames in which each segment is a matrix (group ROTATION). unseen : a frame without any."""
    origins, turns, _, _ = legs(n)
    names = list(origins)
    values = np.zeros((n, len(names), 17), "<f4")
    for j, name in enumerate(names):
        four = np.tile(np.eye(4), (n, 1, 1))
        four[:, :3, :3] = Z_UP @ turns[name].as_matrix() @ THEIA.T
        four[:, :3, 3] = origins[name] @ Z_UP.T / 1000
        values[:, j, :16] = (four if by_rows else four.swapaxes(-1, -2)).reshape(n, 16)
    if unseen is not None:
        values[unseen, :, 16] = -1
    labels = [f"{name}_4X4" for name in names]

    def record(name: str, group: int, kind: int, dims: list[int], data: bytes) -> bytes:
        rest = struct.pack("bB", kind, len(dims)) + bytes(dims) + data + b"\0"
        return struct.pack("bb", len(name), group) + name.encode() + struct.pack("<H", len(rest) + 2) + rest

    body = struct.pack("bb", 5, -1) + b"POINT" + struct.pack("<H", 3) + b"\0"
    body += record("USED", 1, 2, [], struct.pack("<h", 0)) + record("SCALE", 1, 4, [], struct.pack("<f", -1))
    body += record("RATE", 1, 4, [], struct.pack("<f", 50)) + record("UNITS", 1, -1, [1], b"m")
    body += record("FRAMES", 1, 2, [], struct.pack("<h", n))
    body += struct.pack("bb", 8, -2) + b"ROTATION" + struct.pack("<H", 3) + b"\0"
    body += record("USED", 2, 2, [], struct.pack("<h", len(names))) + record(
        "DATA_START", 2, 2, [], struct.pack("<h", 5)
    )
    body += record("RATE", 2, 4, [], struct.pack("<f", 50)) + record("RATIO", 2, 2, [], struct.pack("<h", 1))
    width = max(map(len, labels))
    body += record("LABELS", 2, -1, [width, len(labels)], "".join(v.ljust(width) for v in labels).encode())
    header = bytearray(512)
    header[:2] = bytes([2, 80])
    struct.pack_into("<5H", header, 2, 0, 0, 1, n, 10)
    struct.pack_into("<f", header, 12, -1.0)
    struct.pack_into("<2H", header, 16, 5, 0)
    struct.pack_into("<f", header, 20, 50.0)
    section = (bytes([1, 80, 3, 84]) + body).ljust(3 * 512, b"\0")
    path.write_bytes(bytes(header) + section + values.tobytes())
    return path


def mvnx(path: Path, n: int = 150) -> Path:
    """An MVNX file with n frames of motion."""
    origins, turns, _, _ = legs(n)
    xsens = {"pelvis": "Pelvis", "torso": "T8"} | {
        f"{s}_{a}": side + b
        for s, side in (("l", "Left"), ("r", "Right"))
        for a, b in (("thigh", "UpperLeg"), ("shank", "LowerLeg"), ("foot", "Foot"), ("toes", "Toe"))
    }
    segments = "".join(f'<segment id="{i}" label="{xsens[k]}"/>' for i, k in enumerate(origins, 1))
    frames = ['<frame type="identity"><orientation>1</orientation></frame>']
    q = {k: Rotation.from_matrix(Z_UP @ turns[k].as_matrix() @ Z_UP.T).as_quat() for k in origins}
    for f in range(n):
        orientation = " ".join(f"{v:.6f}" for k in origins for v in np.roll(q[k][f], 1))
        position = " ".join(f"{v:.6f}" for k in origins for v in Z_UP @ origins[k][f] / 1000)
        frames.append(
            f'<frame type="normal"><orientation>{orientation}</orientation><position>{position}</position></frame>'
        )
    path.write_text(
        '<?xml version="1.0"?><mvnx xmlns="http://www.xsens.com/mvn/mvnx"><subject label="P1" frameRate="50">'
        f"<segments>{segments}</segments><frames>{''.join(frames)}</frames></subject></mvnx>"
    )
    return path
