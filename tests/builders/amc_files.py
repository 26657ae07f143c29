"""A small ASF skeleton and a motion of it."""

from __future__ import annotations

ASF = """# made by hand
:version 1.10
:name two
:units
  mass 1.0
  length 1.0
  angle deg
:documentation
  any words: here
:root
  order TX TY TZ RX RY RZ
  axis XYZ
  position 0 0 0
  orientation 0 0 0
:bonedata
  begin
    id 1
    name thigh
    direction 0 -2 0
    length 16
    axis 0 0 90 XYZ
    dof rx rz
    limits (-160.0 20.0)
           (-70.0 70.0)
  end
  begin
    id 2
    name shank
    direction 0 -1 0
    length 15
    axis 0 0 0 XYZ
    dof rx
    limits (-10 170)
  end
  begin
    id 3
    name head
    direction 0 1 0
    length 30
    axis 0 0 0 XYZ
  end
:hierarchy
  begin
    root thigh head
    thigh shank
  end
"""

AMC = """#!OML:ASF x.asf
:FULLY-SPECIFIED
:DEGREES
1
root 0 31 0 0 0 0
thigh 0 0
shank 0
2
root 1 31 0 0 0 0
thigh 90 0
shank 0
3
root 2 31 0 0 90 0
thigh 0 90
shank 90
"""
