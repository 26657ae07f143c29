"""Distances and neighbours of an artificial lake: a DuckDB connection with the tables that cohort reads."""

from __future__ import annotations

import json

import duckdb
import numpy as np
import polars as pl
import pytest

from neurostore import distances, dtw
from neurostore.distances import comparison, matrix_files, sampling
from neurostore.distances import earlier as earlier_matrix
from neurostore.distances.choice import POINTS, SEGMENTS
from neurostore.distances.matrix import DistanceMatrix
from neurostore.distances.sampling import resample
from neurostore.errors import UsageError
from neurostore.matrix_names import sidecar

ANGLES = ("hip_flexion_deg", "knee_flexion_deg", "ankle_dorsiflexion_deg")
RATE = 50.0
pytestmark = pytest.mark.filterwarnings("ignore:.*left out")


class MadeUpLake:
    """The part of a Lake that cohort uses: sql, path, version."""

    path, version = "made-up", 7

    def __init__(self, trials: list[dict]):
        self.connection = duckdb.connect()
        keys = ("subject", "session", "trial", "person")
        self.frames, self.cycles = [], []
        rows, angles, points = [], [], []
        for t in trials:
            key = {k: t.get(k, 0 if k == "person" else "") for k in keys}
            about = {
                "rate_hz": RATE,
                "kind": "mocap",
                "estimator": None,
                "model_sha256": None,
                "pelvis_zero": "neutral",
            }
            kind = {"skeleton": t.get("skeleton", "cmu_31"), "cutoff_hz": t.get("cutoff_hz", 6.0)}
            kind["n_frames"] = len(t["samples"])
            kind["landmark_methods"] = t.get("landmark_methods", '{"left_hip": "harrington"}')
            rows.append({k: key[k] for k in keys[:3]} | about | kind)
            for i, sample in enumerate(t["samples"]):
                frame = key | {"frame": i, "time_s": i / RATE}
                angles.append(frame | sample["angles"])
                points.append(frame | sample["points"])
            self.cycles += [key | c for c in t["cycles"]]
        subjects = {t["subject"]: t.get("group") for t in trials}
        tables = {
            "trials": rows,
            "subjects": [{"subject": s, "group": g} for s, g in subjects.items()],
            "joint_angles": angles,
            "landmarks": points,
            "gait_cycles": self.cycles,
            "calibrations": [{"subject": "A", "session": "", "parameter": "leg_length", "value": 0.9, "unit": "m"}],
        }
        for name, content in tables.items():
            arrow = pl.DataFrame(content, infer_schema_length=None).to_arrow()
            self.connection.register(f"_{name}", arrow)
            self.connection.execute(f'CREATE TABLE "{name}" AS FROM "_{name}"')
        keys = "subject VARCHAR, session VARCHAR, trial VARCHAR"
        self.connection.execute(f"CREATE TABLE _excluded_trials ({keys}, by_whom VARCHAR)")

    def reads_results(self) -> bool:
        return False

    def sql(self, query: str, params=None) -> pl.DataFrame:
        return self.connection.sql(query, params=params).pl()


def make_trial(subject: str, trial: str, seed: int, n_cycles: int = 3, relative: bool = False, **more) -> dict:
    """A trial of smooth random motion whose cycles of 1 s alternate sides half a second apart."""
    rng = np.random.default_rng(seed)
    n = int((n_cycles + 1) * RATE) + 1
    time = np.arange(n) / RATE
    phase = rng.uniform(0, 6, (2, 3))
    samples = []
    place = {p: rng.normal(size=3) * 300 for p in POINTS}
    for t in time:
        angles = {"pelvis_tilt_deg": 1.0}
        for s, side in enumerate(("left", "right")):
            for a, name in enumerate(ANGLES):
                value = 20 * np.sin(2 * np.pi * t + phase[s, a]) + seed + 2 * t
                rel = f"{side}_{name.removesuffix('_deg')}_rel_deg"
                angles[f"{side}_{name}"] = None if relative and a == 0 else value
                if a == 0:
                    angles[rel] = value if relative else None
        points = {p: dict(zip("xyz", place[p] + 50 * np.sin(t + place[p]), strict=True)) for p in POINTS}
        turn = 0.3 * np.sin(t + seed)
        quaternion = {"w": np.cos(turn), "x": np.sin(turn), "y": 0.0, "z": 0.0}
        points |= {f"{s}_rotation": quaternion for s in SEGMENTS}
        samples.append({"angles": angles, "points": points})
    cycles = [
        {"cycle": c, "side": side, "start_s": c + start, "end_s": c + start + 1, "is_steady": c != 99, "reason": None}
        for side, start in (("left", 0.0), ("right", 0.5))
        for c in range(n_cycles)
    ]
    return {"subject": subject, "trial": trial, "samples": samples, "cycles": cycles, **more}


@pytest.fixture(scope="module")
def lake() -> MadeUpLake:
    return MadeUpLake(
        [
            make_trial("A", "walk_1", 1, group="control"),
            make_trial("A", "walk_2", 2, 2, group="control"),
            make_trial("B", "walk_1", 3, group="patient"),
            make_trial("C", "walk_1", 4, 4, group="control"),
        ]
    )


def curves(lake: MadeUpLake, side: str, angles=ANGLES) -> tuple[list[tuple], np.ndarray]:
    """Cycles by hand: numpy.interp at 101 points."""
    out, keys = [], []
    cycles = [c for c in lake.cycles if c["side"] == side]
    for c in sorted(cycles, key=lambda c: (c["subject"], c["session"], c["trial"], c["cycle"])):
        frame = lake.sql(
            "SELECT * FROM joint_angles WHERE subject = $s AND trial = $t ORDER BY frame",
            {"s": c["subject"], "t": c["trial"]},
        )
        at = np.linspace(c["start_s"], c["end_s"], 101)
        out.append(np.column_stack([np.interp(at, frame["time_s"], frame[f"{side}_{a}"]) for a in angles]))
        keys.append((c["subject"], c["trial"], c["cycle"]))
    return keys, np.array(out)


def test_cycles_are_compared_by_the_angles_of_their_side(lake):
    found = distances.distances(lake, dtype="float64")
    assert list(found) == ["left", "right"]
    for side, matrix in found.items():
        keys, values = curves(lake, side)
        assert list(zip(*(matrix.labels[k] for k in ("subject", "trial", "cycle")), strict=True)) == keys
        assert set(matrix.labels["side"]) == {side}
        np.testing.assert_allclose(matrix.values, dtw.pairwise(values), rtol=1e-9, atol=1e-9)
        assert matrix.unit == "deg"
        assert matrix.labels["group"].to_list()[0] == "control"
        assert matrix.provenance["lake_version"] == 7
    one = distances.distances(lake, side="right", dtype="float64")
    assert np.array_equal(one.values, found["right"].values)


def test_trials_cycle_by_cycle_are_means_and_sums_over_pairs_of_cycles(lake):
    keys, values = curves(lake, "left")
    table = dtw.pairwise(values)
    trials = list(dict.fromkeys(k[:2] for k in keys))
    own = [[i for i, k in enumerate(keys) if k[:2] == t] for t in trials]
    every = distances.distances(lake, unit="trial", pairing="all", side="left", dtype="float64")
    nth = distances.distances(lake, unit="trial", pairing="nth", reduce="sum", side="left", dtype="float64")
    for i in range(len(trials)):
        for j in range(i + 1, len(trials)):
            assert every.values[i, j] == pytest.approx(table[np.ix_(own[i], own[j])].mean())
            assert nth.values[i, j] == pytest.approx(sum(table[p, q] for p, q in zip(own[i], own[j], strict=False)))
    assert np.array_equal(every.values, every.values.T)


def test_a_subjects_distance_is_the_mean_of_both_sides(lake):
    both = distances.distances(lake, unit="subject", dtype="float64")
    sides = [distances.distances(lake, unit="subject", side=s, dtype="float64").values for s in ("left", "right")]
    np.testing.assert_allclose(both.values, (sides[0] + sides[1]) / 2)
    assert both.labels["subject"].to_list() == ["A", "B", "C"]
    assert "side" not in both.labels.columns


def test_whole_trials(lake):
    found = distances.distances(lake, unit="trial", dtype="float64")["left"]
    frames = lake.sql("SELECT * FROM joint_angles ORDER BY subject, trial, frame").partition_by("subject", "trial")
    series = [f.select([f"left_{a}" for a in ANGLES]).to_numpy() for f in frames]
    np.testing.assert_allclose(found.values, dtw.pairwise(series), rtol=1e-12)


def test_in_seconds_a_longer_cycle_keeps_its_duration(lake):
    found = distances.distances(lake, side="left", clock="seconds", rate_hz=20, band=None)
    assert found.provenance["options"]["clock"] == "seconds"
    assert found.values.shape == (12, 12)


@pytest.mark.parametrize(
    ("representation", "unit"),
    [
        ("coordinates", "mm"),
        ("velocities", "m/s"),
        ("relation", "mm"),
        ("dual", ""),
        ("per_joint", "mm"),
        ("rotations", "deg"),
    ],
)
def test_every_representation_gives_distances(lake, representation, unit):
    found = distances.distances(lake, side="left", representation=representation, dtype="float64")
    assert found.unit == unit
    assert (found.values[np.triu_indices(12, 1)] > 0).all()


def test_rotations_are_geodesic(lake):
    found = distances.distances(
        lake,
        unit="trial",
        representation="rotations",
        segments=("pelvis",),
        band=0.5,
        normalize="path_length",
        dtype="float64",
    )
    assert found.values.max() < 90
    turned = distances.distances(
        lake, unit="trial", representation="rotations", align="root", band=0.5, dtype="float64"
    )
    assert np.abs(turned.values).max() < 1e-5  # every segment turns with the pelvis


def test_relation_and_alignment(lake):
    plain = distances.distances(
        lake, side="left", representation="coordinates", align="root", points=("pelvis", "left_ankle")
    )
    relation = distances.distances(lake, side="left", representation="relation", relation=("pelvis", "ankle"))
    np.testing.assert_allclose(plain.values, relation.values, rtol=1e-5)
    scaled = distances.distances(lake, side="left", representation="coordinates", align="root+scale")
    assert scaled.unit == "leg lengths"


def test_the_relative_angle_stands_in_where_more_items_have_it_and_the_others_are_left_out():
    lake = MadeUpLake(
        [make_trial("A", "w", 1, relative=True), make_trial("B", "w", 2, relative=True), make_trial("C", "w", 3)]
    )
    with pytest.warns(UserWarning, match="3 items are left out: C/w/0/left lacks left_hip_flexion_rel_deg"):
        found = distances.distances(lake, side="left")
    assert found.labels["subject"].unique().sort().to_list() == ["A", "B"]
    assert found.provenance["notes"] == ["left_hip_flexion_rel_deg stands for left_hip_flexion_deg"]
    assert "C/w/0/left" in found.provenance["left_out"]
    with pytest.raises(UsageError, match="3 of 9 items lack"):
        distances.distances(lake, side="left", incomplete="refuse")


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        ({"cutoff_hz": 10.0}, "cut-off"),
        ({"skeleton": "coco_19"}, "model"),
        ({"landmark_methods": '{"left_hip": "davis"}'}, "hip centres"),
    ],
)
def test_items_of_another_kind_are_refused_unless_asked_for(difference, said):
    lake = MadeUpLake([make_trial("A", "w", 1), make_trial("B", "w", 2, **difference)])
    with pytest.raises(UsageError, match=said):
        distances.distances(lake)
    assert len(distances.distances(lake, side="left", mixed=True)) == 6
    assert len(distances.distances(lake, side="left", where="t.subject = 'A'")) == 3


def test_mahalanobis_counts_in_scatter_of_the_reference_group():
    lake = MadeUpLake(
        [make_trial("A", f"w{k}", k, group="control") for k in range(4)] + [make_trial("B", "w", 9, group="patient")]
    )
    found = distances.distances(lake, side="left", metric="mahalanobis", reference="control", dtype="float64")
    from sklearn.covariance import LedoitWolf

    keys, values = curves(lake, "left")
    own = values[[k[0] == "A" for k in keys]]
    covariance = LedoitWolf(assume_centered=True).fit((own - own.mean(axis=0)).reshape(-1, 3)).covariance_
    step = values[0, 0] - values[-1, 0]
    expected = np.sqrt(step @ np.linalg.inv(covariance) @ step)
    turn = np.linalg.cholesky(np.linalg.inv(covariance))
    assert np.linalg.norm(step @ turn) == pytest.approx(expected)
    np.testing.assert_allclose(found.values, dtw.pairwise(list(values @ turn)), rtol=1e-8)
    with pytest.raises(UsageError, match="covariance of 3 channels needs 10"):
        distances.distances(lake, side="left", metric="mahalanobis", reference="patient")
    with pytest.raises(UsageError, match="there are: control, patient"):
        distances.distances(lake, metric="mahalanobis", reference="nobody")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"unit": "stride"}, "trial, cycle, subject"),
        ({"side": "both"}, "left, right"),
        ({"representation": "curves"}, "velocities"),
        ({"representation": "coordinates", "align": "mirror"}, "procrustes"),
        ({"align": "root"}, "for points"),
        ({"metric": "so3"}, "so3 is for rotations"),
        ({"metric": "angular", "representation": "coordinates"}, "angular"),
        ({"metric": "cosine"}, "mahalanobis"),
        ({"normalize": "z"}, "path_length"),
        ({"pairing": "nth"}, "each cycle is its own item"),
        ({"unit": "trial", "pairing": "some"}, "nth, all"),
        ({"angles": ("knee_valgus",)}, "no angle 'knee_valgus'"),
        ({"angles": ("left_knee_flexion_deg",)}, "left and right are never mixed"),
        ({"representation": "coordinates", "points": ("tail",)}, "no point 'tail'"),
        ({"where": "t.trial = 'none'"}, "no trial matches"),
        ({"where": "t.subject = 'B'", "unit": "subject"}, "at least 2"),
        ({"dtype": "float16"}, "float32, float64"),
        ({"band": -1}, "at least 0"),
        ({"reference": "control"}, "only used by"),
    ],
)
def test_what_cannot_be_compared_is_reported(lake, options, said):
    with pytest.raises(UsageError, match=said):
        distances.distances(lake, **options)


def test_a_cohort_without_cycles_says_so():
    lake = MadeUpLake([make_trial("A", "w", 1), make_trial("B", "w", 2)])
    lake.connection.execute("UPDATE gait_cycles SET is_steady = false")
    with pytest.raises(UsageError, match="none of the 2 trials has a steady gait cycle"):
        distances.distances(lake)
    assert len(distances.distances(lake, side="left", steady_only=False)) == 6


def test_neighbours_are_brute_force_without_the_trials_own_cycles(lake):
    found = distances.neighbours(lake, "A", "walk_1", k=4, dtype="float64")
    keys, values = curves(lake, "left")
    table = dtw.pairwise(values)
    own = [i for i, k in enumerate(keys) if k[:2] == ("A", "walk_1")]
    others = [i for i in range(len(keys)) if i not in own]
    nearest = sorted((table[own, j].min(), j) for j in others)[:4]
    left = found.filter(pl.col("side") == "left")
    assert left["distance"].to_list() == pytest.approx([d for d, _ in nearest])
    assert [tuple(r) for r in left.select("subject", "trial", "cycle").rows()] == [keys[j] for _, j in nearest]
    assert left["rank"].to_list() == [1, 2, 3, 4]
    whole = distances.neighbours(lake, "A", "walk_1", k=2, unit="trial", side="right")
    assert whole.height == 2
    with pytest.raises(UsageError, match=r"subject A has no trial 'walk'; similar: walk_2, walk_1"):
        distances.neighbours(lake, "A", "walk")
    with pytest.raises(UsageError, match=r"no trial has the subject 'Z'; there are: A, B"):
        distances.neighbours(lake, "Z", "walk_1")
    with pytest.raises(UsageError, match="at least 1"):
        distances.neighbours(lake, "A", "walk_1", k=0)


@pytest.mark.parametrize("suffix", [".parquet", ".npy", ".csv"])
def test_files_hold_the_matrix_and_where_it_comes_from(lake, tmp_path, suffix):
    expected = distances.distances(lake)
    written = distances.write_distances(lake, tmp_path / f"D{suffix}", block=5)
    names = ["D.parquet"] if suffix == ".parquet" else [f"D.left{suffix}", f"D.right{suffix}"]
    assert [p.name for p in written] == names
    for k, side in enumerate(("left", "right")):
        read = DistanceMatrix.read(written[0], side) if suffix == ".parquet" else DistanceMatrix.read(written[k])
        np.testing.assert_array_equal(np.asarray(read.values, np.float32), expected[side].values)
        assert read.labels.rows() == expected[side].labels.rows()
        assert read.provenance["options"]["unit"] == "cycle"
        assert read.provenance["lake_version"] == 7
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(names + [n + ".json" for n in names])
    if suffix == ".parquet":
        frame = pl.read_parquet(written[0])
        assert frame.height == 2 * 66
        assert set(frame["side"]) == {"left", "right"}


def test_a_killed_matrix_goes_on_where_it_was(lake, tmp_path, monkeypatch):
    out, real, calls = tmp_path / "D.npy", comparison.between, []

    def killed(*given):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(comparison, "between", killed)
    with pytest.raises(KeyboardInterrupt):
        distances.write_distances(lake, out, side="left", block=4)
    assert not out.exists()
    assert next(tmp_path.glob(".D.npy.left-journal.*.tmp")).read_text().count("\n") == 4  # a head and three blocks
    monkeypatch.setattr(comparison, "between", lambda *given: calls.append(1) or real(*given))
    distances.write_distances(lake, out, side="left", block=4)
    assert len(calls) == 4 + 3  # six blocks in all
    assert np.array_equal(np.load(out), distances.distances(lake, side="left").values)


@pytest.mark.parametrize(("suffix", "side"), [(".npy", "left"), (".parquet", "left"), (".parquet", None)])
def test_a_grown_lake_adds_rows_and_a_removed_subject_drops_out(tmp_path, monkeypatch, suffix, side):
    trials = [make_trial(s, "w", k) for k, s in enumerate("ABCD")]
    out = tmp_path / f"D{suffix}"
    n_sides = 1 if side else 2
    distances.write_distances(MadeUpLake([*trials[:2], trials[3]]), out, side=side, block=4)
    computed, real = [], comparison.between

    def counted(part, how, rows, columns):
        computed.append(len(rows) * len(columns))
        return real(part, how, rows, columns)

    def is_whole(lake) -> bool:
        every = distances.distances(lake)
        sides = [side] if side else ["left", "right"]
        return all(
            np.array_equal(DistanceMatrix.read(out, s if suffix == ".parquet" else None).values, every[s].values)
            for s in sides
        )

    monkeypatch.setattr(comparison, "between", counted)
    grown = MadeUpLake(trials)
    distances.write_distances(grown, out, side=side, block=4)
    assert 0 < sum(computed) <= n_sides * 3 * (12 + 4)  # the new three cycles against all, in blocks of four
    assert is_whole(grown)
    computed.clear()
    fewer = MadeUpLake(trials[1:])
    distances.write_distances(fewer, out, side=side, block=4)
    assert not computed
    assert is_whole(fewer)
    distances.write_distances(fewer, out, side=side, block=4, normalize="path_length")
    assert computed  # another recipe is computed afresh
    assert sorted(p.name for p in tmp_path.iterdir()) == [out.name, out.name + ".json"]


def test_what_was_there_is_taken_over_whatever_its_order_then(tmp_path):
    labels = distances.distances(MadeUpLake([make_trial("A", "w", 1)]), side="left").labels
    values = np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0]], np.float32)
    matrix = DistanceMatrix(values, labels, "deg", {"recipe": "r", "digests": ["x", "y", "z"]})
    for name in ("D.npy", "D.parquet"):
        path = matrix.write(tmp_path / name)
        earlier = earlier_matrix.find(path, "left", "r", np.dtype(np.float32), tmp_path / "scratch")
        for i in range(3):
            for order in ([0, 1, 2], [2, 0], [1], []):
                columns = np.array(order, np.int64)
                assert earlier.row(i, columns).tolist() == values[i, columns].tolist()
        assert earlier_matrix.find(path, "left", "another", np.dtype(np.float32), tmp_path / "scratch") is None
        assert earlier_matrix.find(path, "left", "r", np.dtype(np.float64), tmp_path / "scratch") is None


def test_a_lake_is_read_for_some_subjects_at_a_time_and_only_those_asked_for(lake, monkeypatch):
    whole = distances.distances(lake)
    asked = []
    monkeypatch.setattr(sampling, "FRAMES_AT_ONCE", 500)  # a trial has some 200
    assert sampling.subject_ranges(lake, ["A", "C"]) == [("A", "A"), ("C", "C")]
    assert sampling.subject_ranges(lake, ["B", "C"]) == [("B", "C")]
    assert sampling.subject_ranges(lake, []) == []
    real = lake.sql
    monkeypatch.setattr(lake, "sql", lambda query, params=None: (asked.append(params), real(query, params))[1])
    parts = distances.distances(lake)
    assert {"first": "A", "last": "A"} in asked
    for side in ("left", "right"):
        assert np.array_equal(parts[side].values, whole[side].values)
    some = distances.distances(lake, side="left", where="t.subject <> 'B'")
    assert some.labels["subject"].unique().sort().to_list() == ["A", "C"]
    kept = np.flatnonzero((whole["left"].labels["subject"] != "B").to_numpy())
    assert np.array_equal(some.values, whole["left"].values[np.ix_(kept, kept)])


def test_a_band_too_narrow_for_whole_trials_names_them(lake):
    with pytest.raises(UsageError, match=r"differ by \d+.*the shortest is A/walk_2/left, the longest C/walk_1/left"):
        distances.distances(lake, unit="trial", band=5)


def test_writing_is_refused_before_work_is_done(lake, tmp_path):
    for out, said in (
        (tmp_path / "D.xlsx", ".parquet, .npy, .csv"),
        (tmp_path / "no" / "D.npy", "folder does not exist"),
    ):
        with pytest.raises(UsageError, match=said):
            distances.write_distances(lake, out)
    with pytest.raises(UsageError, match="no option bnad; similar: band"):
        distances.write_distances(lake, tmp_path / "D.npy", bnad=3)


def test_a_matrix_serves_scipy_scikit_learn_and_polars(lake):
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform
    from sklearn.metrics import silhouette_score
    from sklearn.neighbors import KNeighborsClassifier

    matrix = distances.distances(lake, side="left", dtype="float64")
    np.testing.assert_array_equal(matrix.condensed(), squareform(matrix.values, checks=True))
    groups = fcluster(linkage(matrix.condensed(), "average"), 2, "maxclust")
    assert len(groups) == len(matrix) == 12
    subjects = matrix.labels["subject"].to_numpy()
    assert -1 <= silhouette_score(matrix, subjects, metric="precomputed") <= 1
    model = KNeighborsClassifier(1, metric="precomputed").fit(matrix, subjects)
    assert (model.predict(matrix.values) == subjects).all()
    long = matrix.to_polars()
    assert long.height == 66
    assert long["distance"].to_list() == matrix.condensed().tolist()
    assert matrix.names()[0] == "A/walk_1/0/left"
    with pytest.raises(UsageError, match="do not fit"):
        DistanceMatrix(np.zeros((2, 2)), matrix.labels)


def test_the_description_beside_a_file_is_needed(lake, tmp_path):
    path = distances.distances(lake, side="left").write(tmp_path / "D.npy")
    assert json.loads(sidecar(path).read_text())["unit"] == "deg"
    sidecar(path).unlink()
    with pytest.raises(Exception, match=r"description D\.npy\.json"):
        DistanceMatrix.read(path)


def test_resampling_is_linear_and_leaves_gaps():
    time = np.array([0.0, 0.05, 0.1, 0.3, 0.35])
    values = np.array([[0.0], [1.0], [np.nan], [3.0], [4.0]])
    found = resample(time, values, np.array([0.0, 0.025, 0.06, 0.2, 0.3, 0.325, 0.4]))[:, 0]
    np.testing.assert_allclose(found, [0.0, 0.5, np.nan, np.nan, 3.0, 3.5, np.nan])


def test_blocks_need_little_memory_at_once(lake, tmp_path, monkeypatch):
    """No array of all pairs is made while blocks are computed: the largest has block × block values."""
    sizes, real = [], matrix_files._block
    monkeypatch.setattr(matrix_files, "_block", lambda *given: (sizes.append(real(*given).size), real(*given))[1])
    distances.write_distances(lake, tmp_path / "D.npy", side="left", block=4)
    assert max(sizes) == 16
