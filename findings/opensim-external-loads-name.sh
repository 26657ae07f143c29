#!/usr/bin/env bash
# OpenSim 4.6 and the name of an ExternalLoads document: with a space in it, ExternalLoads itself reads the file, with
# both of its forces, but InverseDynamicsTool refuses it ("Failed to construct ExternalLoads"); with an underscore both
# work. Expected: the same answer of both. Seen: as above; the message names the file and not the reason.
# Exits 0 while this is so, 1 when the tool takes the file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "opensim==${OPENSIM_VERSION:-4.6}"
cd "$folder"
"$folder/venv/bin/python" - <<'P'
import sys

import opensim as osim

osim.Logger.setLevelString("Off")
model = osim.Model()
model.setName("block")
body = osim.Body("block", 1.0, osim.Vec3(0), osim.Inertia(1, 1, 1))
joint = osim.SliderJoint("slide", model.getGround(), body)
joint.updCoordinate().setName("slide_tx")
model.addBody(body)
model.addJoint(joint)
model.finalizeConnections()
model.printToXML("block.osim")


def storage(name, columns, row):
    with open(name, "w") as file:
        file.write(f"{name}\nversion=1\nnRows=50\nnColumns={len(columns)}\ninDegrees=no\nendheader\n")
        file.write("\t".join(columns) + "\n")
        for i in range(50):
            file.write("\t".join(str(v) for v in (i / 100, *row)) + "\n")


storage("slide.mot", ["time", "slide_tx"], [0.0])
storage("force.mot", ["time", "f_vx", "f_vy", "f_vz", "f_px", "f_py", "f_pz"], [5.0, 0, 0, 0, 0, 0])
outcome = {}
for name in ("walk_01", "walk 01"):
    with open("loads.xml", "w") as file:
        file.write(f"""<?xml version="1.0" encoding="UTF-8" ?>
<OpenSimDocument Version="40600"><ExternalLoads name="{name}"><objects><ExternalForce name="push">
<applied_to_body>block</applied_to_body><force_expressed_in_body>ground</force_expressed_in_body>
<point_expressed_in_body>ground</point_expressed_in_body><force_identifier>f_v</force_identifier>
<point_identifier>f_p</point_identifier></ExternalForce></objects><groups />
<datafile>force.mot</datafile></ExternalLoads></OpenSimDocument>""")
    n_forces = osim.ExternalLoads("loads.xml", True).getSize()
    tool = osim.InverseDynamicsTool()
    tool.setModelFileName("block.osim")
    tool.setCoordinatesFileName("slide.mot")
    tool.setExternalLoadsFileName("loads.xml")
    tool.setResultsDir(".")
    tool.setStartTime(0.0)
    tool.setEndTime(0.49)
    try:
        outcome[name] = tool.run()
    except RuntimeError as error:
        outcome[name] = str(error).split(":")[-1].strip()
    print(f"opensim {osim.GetVersion()}: name {name!r}: ExternalLoads reads {n_forces} force; the tool: {outcome[name]}")
sys.exit(0 if outcome["walk_01"] is True and outcome["walk 01"] is not True else 1)
P
