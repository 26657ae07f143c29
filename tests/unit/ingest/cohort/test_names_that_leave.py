"""Somebody who reads every byte of a coded pile finds no name, no date and no file name of the pile it was made of."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from neurostore.errors import CohortError
from neurostore.ingest.cohort.pseudonymise import pseudonymise
from neurostore.ingest.readers import read
from tests.builders import amc_files, bids_files, c3d_files, mot_files, neuropose_files, poses_files, trc_files
from tests.builders.tiny_bvh import bvh_text, write_bvh
from tests.cli.cli_run import run

WHO = "MuellerA"
#: what may be nowhere in the copy, in any case and coding
SECRETS = [
    "mueller", "annegret", "schmidt", "grunwald", "weber", "2020-01-31", "20200131", "31.01.2020", "2020/01/31", "jan 31",
    "jan 2020", "1580467800", "walkmuel", "slalom", "hospital", "c:\\data",
]  # fmt: skip


def every_text(path: Path) -> str:
    """All that a file says, decoded in every way, in lower case."""
    raw = path.read_bytes()
    blocks = [raw]
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(io.BytesIO(raw)) as book:
            blocks = [book.read(name) for name in book.namelist()]
    texts = [block.decode(coding, "ignore") for block in blocks for coding in ("latin-1", "utf-8", "utf-16-le")]
    if path.suffix == ".parquet":
        texts += [str(pq.read_table(path).to_pylist()), str(pq.read_metadata(path).metadata)]
    return "\n".join(texts).lower()


def secrets_in(folder: Path) -> list[tuple[str, str]]:
    found = []
    for path in sorted(folder.rglob("*")):
        text = str(path.relative_to(folder)).lower() + ("\n" + every_text(path) if path.is_file() else "")
        found += [(str(path.relative_to(folder)), secret) for secret in SECRETS if secret in text]
    return found


def mvnx(path: Path) -> None:
    frames = "".join(
        f'<frame type="normal" time="{i}" tc="10:30:00:00" ms="{1580467800000 + i}"><orientation>1 0 0 0</orientation>'
        f"<position>0 0 {i}</position></frame>"
        for i in range(12)
    )
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><!-- Annegret Mueller --><mvnx xmlns="http://www.xsens.com/mvn/mvnx" version="4">'
        "<comment>Annegret was tired, says Dr Weber</comment>"
        '<subject label="Annegret Mueller" frameRate="60" recDate="Fri Jan 31 10:30:00.000 2020" '
        'recDateMSecsSinceEpoch="1580467800000" originalFilename="C:/data/Mueller_2020-01-31.mvn" torsoColor="red">'
        f'<segments><segment id="1" label="Pelvis"/></segments><frames>{frames}</frames></subject></mvnx>'
    )


def c3d(path: Path, who: str = "Mueller Annegret") -> None:
    labels = [f"{who}:{name}" for name in c3d_files.LEGS]
    said = {
        ("SUBJECTS", "NAMES"): [who],
        ("SUBJECTS", "LABEL_PREFIXES"): [f"{who}:"],
        ("EVENT", "SUBJECTS"): [who, who],
        ("EVENT", "CONTEXTS"): ["Left", "Right"],
        ("EVENT", "LABELS"): ["Foot Strike", "Foot Off"],
        ("TRIAL", "DATE"): ["2020-01-31"],
        ("TRIAL", "OPERATOR"): ["Dr Weber"],
        ("TRIAL", "NOTES"): ["recorded on 31.01.2020 by Schmidt"],
        (who.upper().replace(" ", "_"), "LegLength"): [850.0],
        ("PROCESSING", f"{who}:LLegLength"): [840.0],
        ("MANUFACTURER", "SOFTWARE"): ["Vicon Nexus"],
    }
    c3d_files.write(path, c3d_files.walker(40, labels), labels, parameters=said)


MOTIVE = (
    "Format Version,1.23,Take Name,Mueller slalom 2020-01-31,Take Notes,seen by Weber,Capture Frame Rate,100,"
    "Capture Start Time,2020-01-31 10.30.00.000 AM,Length Units,Millimeters,Coordinate Space,Global\n\n"
    ",Type,Marker,Marker,Marker\n,Name,Mueller:LASI,Mueller:LASI,Mueller:LASI\n,ID,1,1,1\n,,Position,Position,Position\n"
    "Frame,Time (Seconds),X,Y,Z\n0,0.00,1.0,2.0,3.0\n1,0.01,1.1,,\n"
)
NEXUS = (
    "Trajectories\n100\n,,Mueller:LASI,,,Mueller:RASI,,\nFrame,Sub Frame,X,Y,Z,X,Y,Z\n,,mm,mm,mm,mm,mm,mm\n"
    "1,0,1,2,3,4,5,6\n2,0,1,2,3,4,5,6\n"
)
QTM = (
    "NO_OF_FRAMES\t2\nNO_OF_MARKERS\t2\nFREQUENCY\t100\nDESCRIPTION\tMueller, slalom\nTIME_STAMP\t2020-01-31, 10:30:00\t1.5\n"
    "DATA_INCLUDED\t3D\nEVENT\tLHS\t1\t0.01\nEVENT\tSchmidt\t2\t0.02\nMARKER_NAMES\tMueller:LASI\tMueller:RASI\n"
    "Frame\tTime\tMueller:LASI X\tMueller:LASI Y\tMueller:LASI Z\tMueller:RASI X\tMueller:RASI Y\tMueller:RASI Z\n"
    "1\t0.00\t1\t2\t3\t4\t5\t6\n2\t0.01\t1\t2\t3\t4\t5\t6\n"
)
FREEMOCAP = (
    "timestamp," + ",".join(f"body_{n}_{a}" for n in ("nose", "left_hip", "right_hip", "left_knee") for a in "xyz") + "\n"
    + "\n".join(f"{1580467800 + f / 30:.4f}," + ",".join(["1.0"] * 12) for f in range(3)) + "\n"
)  # fmt: skip


@pytest.fixture
def pile(tmp_path: Path) -> Path:
    folder = tmp_path / "pile"
    own = folder / WHO / "2020-01-31_pre"
    own.mkdir(parents=True)
    write_bvh(folder / "S07" / "post" / "S07walk_01.bvh")
    (own / "walkMuellerA_Schmidt_01.bvh").write_text(
        bvh_text().replace("ROOT ", "ROOT Mueller:").replace("JOINT ", "JOINT Mueller:")
    )
    c3d(own / "20200131_Annegret_slalom.c3d")
    positions = trc_files.walk(12)
    trc = trc_files.text(positions, [f"Mueller_{n}" for n in trc_files.NAMES])
    trc_files.write(
        own / "gait_31.01.2020.trc",
        re.sub(
            r"^PathFileType.*", r"PathFileType\t4\t(X/Y/Z)\tC:\\data\\Mueller\\31.01.2020.trc", trc, count=1, flags=re.M
        ),
    )
    mot = mot_files.text(mot_files.curves()).replace("Coordinates", "Mueller slalom", 1)
    mot_files.write(own / "walkMuellerA.mot", mot.replace("Units are", "Recorded by Schmidt on 2020-01-31. Units are"))
    (own / "thigh.asf").write_text(
        amc_files.ASF.replace("any words: here", "Annegret Mueller").replace(":name two", ":name Mueller")
    )
    (own / "thigh.amc").write_text(amc_files.AMC.replace("x.asf", "C:\\data\\Mueller\\x.asf"))
    mvnx(own / "mueller_xsens.mvnx")
    (own / "take.csv").write_text(MOTIVE)
    (own / "nexus.csv").write_text(NEXUS)
    (own / "freemocap.csv").write_text(FREEMOCAP)
    (own / "qualisys.tsv").write_text(QTM)
    for name, separator in (("points", ","), ("points_2", "\t")):
        cells = [f"Mueller:{marker}_{axis}" for marker in ("LASI", "RASI", "LKNE", "RKNE") for axis in "xyz"]
        rows = [separator.join(["time", *cells]), *(separator.join([f"0.0{i}", *["1.5"] * 12]) for i in range(3))]
        (own / f"{name}.csv").write_text("\n".join(rows) + "\n")
    np.save(own / "mueller_skeleton_3d.npy", np.ones((3, 33, 3)))
    neuropose_files.write(
        own, {"Annegret_slalom.mp4": neuropose_files.video(neuropose_files.walk(12), note="Annegret")}
    )
    header = {**poses_files.HEADER, "estimator": {**poses_files.HEADER["estimator"], "model": "C:\\data\\Mueller"}}
    rows = {
        "frame": [0, 1],
        "person": [0, 0],
        "joint": ["lhip", "rhip"],
        "x": [0.0, 1.0],
        "y": [1.0, 2.0],
        "z": [1.0, 2.0],
    }
    poses_files.write(own / "mueller.poses.json", {**header, "comment": "Annegret"}, rows)
    poses_files.write(own / "muellerb.poses.parquet", header, {**rows, "clinic": ["Weber", "Weber"]})
    (folder / "participants.tsv").write_text(
        f"participant_id\tgroup\tborn\tsurname\n{WHO}\tCP\t1990-03-01\tMueller\nS07\tTD\t1991-03-01\tGrunwald\n"
    )
    (folder / "trials.csv").write_text(
        f"file;subject;date\n{WHO}/2020-01-31_pre/walkMuellerA_Schmidt_01.bvh;{WHO};2020-01-31\n"
    )
    workbook(
        folder / "sessions.xlsx",
        [["subject", "session", "acq_time", "clinician"], [WHO, "2020-01-31_pre", "2020-01-31", "Weber"]],
    )
    (folder / "cohort.toml").write_text(f'# Annegret\n[[match]]\nfiles = ["{WHO}/*Schmidt*.bvh"]\ndrop_frames = 1\n')
    return folder


def workbook(path: Path, rows: list[list[str]]) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.properties.creator = "Dr Weber"
    for row in rows:
        book.active.append(row)
    book.save(path)


def test_nobody_who_reads_every_byte_finds_a_name_a_date_or_a_file_name(pile: Path, tmp_path: Path) -> None:
    assert secrets_in(pile)
    done = pseudonymise(pile, tmp_path / "coded", tmp_path / "key.json", drop=["surname", "clinician"])
    assert secrets_in(tmp_path / "coded") == []
    key = json.loads((tmp_path / "key.json").read_text())[WHO]
    who, days = key["pseudonym"], key["shift_days"]
    moved = date.fromordinal(date(2020, 1, 31).toordinal() + days)
    session = f"{moved.isoformat()}_pre"
    own = tmp_path / "coded" / who / session
    assert sum(p.is_file() for p in own.iterdir()) == len(list((pile / WHO / "2020-01-31_pre").iterdir())) == 17
    row = (tmp_path / "coded" / "trials.csv").read_text().splitlines()[1].split(",")
    assert (tmp_path / "coded" / row[0]).is_file()
    assert row[1:] == [who, moved.isoformat()]
    assert f'ms="{1580467800000 + days * 86_400_000}"' in next(own.glob("*.mvnx")).read_text()
    assert f"Capture Start Time,{moved.isoformat()} 10.30.00.000 AM" in "".join(
        p.read_text() for p in own.glob("*.csv")
    )
    assert done.n_dates > 8
    assert run("ingest", tmp_path / "coded", "--lake", tmp_path / "lake", "--dry-run").returncode in (0, 1)


def test_the_numbers_are_those_of_the_pile(pile: Path, tmp_path: Path) -> None:
    pseudonymise(pile, tmp_path / "coded", tmp_path / "key.json", drop=["surname", "clinician"])
    new = {p.suffix: p for p in (tmp_path / "coded").rglob("*.*") if p.suffix in (".c3d", ".bvh", ".trc", ".mot")}
    for path in (pile / WHO / "2020-01-31_pre").iterdir():
        if path.suffix not in (".c3d", ".trc", ".mot"):
            continue
        before, after = read(path), read(new[path.suffix])
        if path.suffix == ".c3d":
            assert path.stat().st_size == new[".c3d"].stat().st_size
            assert [e.label for e in before.events] == [e.label for e in after.events]
            assert {(c.parameter, c.value) for c in before.calibrations} == {
                (c.parameter, c.value) for c in after.calibrations
            }
        for one, other in zip(before.poses, after.poses, strict=True):
            np.testing.assert_array_equal(one.positions, other.positions)
            assert [j.rpartition("_")[2] for j in one.skeleton.joints] == [
                j.rpartition("_")[2] for j in other.skeleton.joints
            ]
        for one, other in zip(before.angles, after.angles, strict=True):
            np.testing.assert_array_equal(one.values, other.values)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda f: write_bvh(f / "walk_mueller.bvh"), "whose walk_mueller.bvh are"),
        (lambda f: write_bvh(f / "patients" / "Anna" / "walk.bvh"), "'patients' is a group"),
        (lambda f: write_bvh(f / "clinicA" / "Annegret" / "walk.bvh"), "'Annegret' in the folder 'clinicA' may be people"),
        (lambda f: write_bvh(f / "S1" / "pre" / "day1" / "walk.bvh"), "more than two folders deep"),
        (lambda f: (f / "report.docx").write_bytes(b"PK"), "report.docx is not a recording"),
        (lambda f: (f / "scan.pdf").symlink_to("/etc/hostname"), "scan.pdf is a link"),
        (lambda f: (f / "S01" / "a.bvh").write_text(bvh_text() + "\nAnnegret\n"), "holds more than numbers"),
        (lambda f: (f / "S01" / "a.json").write_text("{"), "is not JSON"),
        (lambda f: (f / "S01" / "a.c3d").write_bytes(b"\2\x50" + bytes(600)), "a.c3d"),
        (lambda f: (f / "sessions.tsv").write_text("session\tdate\npre\t2020-01-31\n"), "no column names the subject"),
        (lambda f: (f / "trials.tsv").write_text("subject\ttrial\tclinician\nS01\twalk\tWeber\n"), "column clinician"),
        (lambda f: (f / "trials.tsv").write_text("subject\ttrial\tunit\nS01\twalk\tGrunwald\n"), "may be a name: Grunwald"),
        (lambda f: (f / "trials.tsv").write_text("subject\ttrial\tyear\nS01\twalk\t2020\n"), "a part of a date"),
        (
            lambda f: (f / "participants.tsv").write_text(
                "participant_id\tapproved\n" + "".join(f"S0{i}\t2020-01-31\n" for i in range(1, 5))
            ),
            "everybody has the same date",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_coded_is_refused_and_nothing_is_written(tmp_path: Path, make, says: str) -> None:
    folder = tmp_path / "pile"
    write_bvh(folder / "S01" / "walk.bvh")
    make(folder)
    shown = run("pseudonymise", folder, tmp_path / "coded", "--key", tmp_path / "key.json")
    assert shown.returncode == 3, shown.stderr
    assert says in " ".join(shown.stderr.split())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pile"]


def test_a_flat_pile_is_sorted_by_its_table_or_by_the_name_in_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "pile"
    write_bvh(folder / "mueller 1.bvh")
    c3d(folder / "walk.c3d", "Grunwald")
    (folder / "trials.tsv").write_text("file\tsubject\tdate\nmueller 1.bvh\tAnnegret\t2020-01-31\n")
    done = pseudonymise(folder, tmp_path / "coded", tmp_path / "key.json")
    keys = json.loads((tmp_path / "key.json").read_text())
    assert set(keys) == {"Annegret", "Grunwald"}
    files = {str(p.relative_to(tmp_path / "coded")) for p in (tmp_path / "coded").rglob("*.*")}
    assert f"{keys['Grunwald']['pseudonym']}/walk.c3d" in files
    assert sum(f.startswith(keys["Annegret"]["pseudonym"]) for f in files) == 1
    assert any("the name stored in the file" in note for note in done.notes)
    assert secrets_in(tmp_path / "coded") == []


def test_words_that_name_nobody_may_stay_and_files_may_be_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "pile"
    write_bvh(folder / "Grunwald" / "slalom_01.bvh")
    (folder / "notes.txt").write_text("Annegret")
    (folder / "licence.txt").write_text("CC0")
    done = pseudonymise(
        folder,
        tmp_path / "coded",
        tmp_path / "key.json",
        keep_words=["slalom"],
        leave_out=["notes.txt"],
        keep=["licence.txt"],
    )
    assert {p.name for p in (tmp_path / "coded").rglob("*.*")} == {"slalom_01.bvh", "licence.txt"}
    assert (done.left_out, done.look) == (["notes.txt"], ["licence.txt: was copied as it is"])
    (folder / "licence.txt").write_text("of Grunwald")
    with pytest.raises(CohortError, match=r"licence\.txt would still hold"):
        pseudonymise(
            folder,
            tmp_path / "b",
            tmp_path / "key2.json",
            keep_words=["slalom"],
            leave_out=["notes.txt"],
            keep=["licence.txt"],
        )


def test_a_video_keeps_its_frames_and_nothing_else(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "pile" / "S01" / "mueller.mp4"
    path.parent.mkdir(parents=True)
    with av.open(str(path), "w") as container:
        container.metadata.update(
            {"title": "Annegret Mueller", "creation_time": "2020-01-31T10:30:00", "comment": "Dr Weber"}
        )
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(10):
            for packet in stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * i, np.uint8))):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    assert secrets_in(path.parent)
    done = pseudonymise(path.parent.parent, tmp_path / "coded", tmp_path / "key.json")
    assert secrets_in(tmp_path / "coded") == []
    new = next((tmp_path / "coded").rglob("*.mp4"))
    assert done.look == [f"{new.relative_to(tmp_path / 'coded')}: shows a person"]

    def pictures(file: Path) -> list[tuple[float, bytes]]:
        with av.open(str(file)) as container:
            return [(float(f.time), f.to_ndarray().tobytes()) for f in container.decode(video=0)]

    assert pictures(new) == pictures(path)


def test_a_bids_data_set_and_the_usual_columns_need_no_option(tmp_path: Path) -> None:
    folder = tmp_path / "bids"
    bids_files.dataset(folder, trc_files.walk(), json_at="root")
    (folder / "participants.tsv").write_text(
        "participant_id\tsex\tage\tgroup\taffected_side\tgmfcs\theight_m\nsub-01\tF\t31\tstiff_knee\tleft\tII\t1.7\n"
    )
    done = pseudonymise(folder, tmp_path / "coded", tmp_path / "key.json")
    assert (done.words, done.notes, done.look) == ([], [], [])
    who = "sub-" + json.loads((tmp_path / "key.json").read_text())["01"]["pseudonym"]
    stem = f"{who}_ses-1_task-walk_tracksys-omc"
    names = {str(p.relative_to(tmp_path / "coded")) for p in (tmp_path / "coded").rglob("*.*")}
    assert names == {
        "dataset_description.json", "participants.tsv", "task-walk_motion.json",
        f"{who}/ses-1/motion/{stem}_motion.tsv", f"{who}/ses-1/motion/{stem}_channels.tsv",
    }  # fmt: skip
    before, after = (next(top.rglob("*_motion.tsv")) for top in (folder, tmp_path / "coded"))
    np.testing.assert_array_equal(read(before).poses[0].positions, read(after).poses[0].positions)
