"""The pages show what the views compute."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from neurostore.api import open as open_lake
from neurostore.window.cohort import Figures, level, read_figures, reference_distances
from neurostore.window.shelf import Shelf
from tests.builders.window_server import until

KEY = {"subject": "H01", "session": "ses1", "trial": "walk_01"}
WHERE = "subject = 'H01' AND session = 'ses1' AND trial = 'walk_01' AND person = 0"


@pytest.fixture(scope="module")
def lake(made):
    return open_lake(made / "lake")


@pytest.fixture(scope="module")
def table(server):
    return until(lambda: (found := server.get("cohort", reference="control"))["n_pending"] == 0 and found)


def test_the_cohort_has_every_trial_with_the_figures_of_the_views(table, lake):
    assert len(table["trials"]) == lake.trials().height == 6
    assert table["n_looked_at"] == 0
    quality = {r["subject"] + r["session"]: r for r in lake.sql("SELECT * FROM trial_quality").to_dicts()}
    speeds = lake.sql(
        "SELECT subject, session, median(walking_speed_m_s) FROM spatiotemporal WHERE is_steady GROUP BY ALL"
    )
    speed = {a + b: v for a, b, v in speeds.rows()}
    knees = lake.sql(
        "SELECT subject, session, percent, avg(left_knee_flexion_deg) AS knee FROM cycle_curves "
        "WHERE side = 'left' AND is_steady GROUP BY ALL ORDER BY ALL"
    )
    for row in table["trials"]:
        name = row["subject"] + row["session"]
        assert row["verdict"] == quality[name]["verdict"]
        assert (row["n_cycles"], row["n_steady"]) == (quality[name]["n_cycles"], quality[name]["n_steady_cycles"])
        assert row["speed_m_s"] == pytest.approx(speed[name])
        curve = knees.filter((knees["subject"] == row["subject"]) & (knees["session"] == row["session"]))[
            "knee"
        ].to_numpy()
        assert row["knee"]["left"] == np.round(curve[np.arange(0, 101, 4)]).astype(int).tolist()


def test_outliers_are_those_far_from_the_reference(table):
    distance = {r["subject"] + r["session"]: r["distance"] for r in table["trials"]}
    # the reference is H01 alone, and nobody is compared with themselves
    assert distance["H01ses1"] is None
    assert distance["H01ses2"] is None
    assert distance["C01ses1"] > distance["S01ses1"] > 3


def test_distance_is_the_root_mean_square_from_the_mean_of_the_others():
    rng = np.random.default_rng(1)
    figures = {}
    for i, shift in enumerate((0.0, 2.0, 10.0)):
        one = Figures({})
        one.curves = np.zeros((2, 12, 101), np.float32) + shift
        figures[f"S{i}", "", "walk"] = one
    found = reference_distances(figures, ["S0", "S1"])
    assert found["S2", "", "walk"] == pytest.approx(9.0)  # from the mean, 1
    assert found["S0", "", "walk"] == pytest.approx(2.0)  # from S1 alone
    figures["S2", "", "walk"].curves = rng.normal(size=(2, 12, 101)).astype(np.float32) * np.nan
    assert ("S2", "", "walk") not in reference_distances(figures, ["S0", "S1"])


def test_the_table_is_rebuilt_only_after_a_change(made):
    shelf = Shelf(made / "lake")
    empty = shelf.cohort.table(None)
    assert shelf.cohort.table(None) is empty
    assert empty["n_pending"] == 6
    key = next(iter(shelf.trials()))
    shelf.cohort._add({key: Figures({"verdict": "Usable."}, speed_m_s=1.5)}, {key: "mark"})
    one = shelf.cohort.table(None)
    assert one["n_pending"] == 5
    assert [row.get("speed_m_s") for row in one["trials"]].count(1.5) == 1
    assert shelf.cohort.table("control")["reference"] == "control"
    assert shelf.cohort.table(None) is one


def test_levels_of_all_verdicts():
    assert [level(v) for v in ("Usable.", "Check first. x", "Do not use: x", "Excluded by R1: x. Usable.", "No gait cycle found.")] == [
        "usable", "check", "unusable", "excluded", "no gait"]  # fmt: skip


def test_figures_of_the_bench_equal_those_of_the_lake(made, lake):
    from neurostore.window.bench import Bench

    bench = Bench(lake)
    bench.load(lake, "C01", "ses1")
    ours = read_figures(bench.sql, "subject = $s", {"s": "C01"})
    theirs = read_figures(lake.sql, "subject = $s AND session = 'ses1'", {"s": "C01"})
    assert ours.keys() == theirs.keys()
    for key, one in ours.items():
        np.testing.assert_array_equal(one.curves, theirs[key].curves)
        assert (one.quality, one.speed_m_s) == (theirs[key].quality, theirs[key].speed_m_s)
    for view in ("gait_events", "gait_cycles", "spatiotemporal"):
        query = f"SELECT * FROM {view} WHERE subject = 'C01' AND session = 'ses1' ORDER BY ALL"
        assert bench.sql(query).equals(lake.sql(query)), view


def test_a_trial_has_its_curves_events_cycles_and_medians(server, lake):
    opened = server.get("trial", **KEY)
    frame = lake.sql(f"SELECT * FROM joint_angles WHERE {WHERE} ORDER BY frame")
    values = np.frombuffer(base64.b64decode(opened["angles"]["values"]["left_knee_flexion_deg"]), "<f4")
    np.testing.assert_allclose(values, frame["left_knee_flexion_deg"].to_numpy(), rtol=1e-6)
    assert opened["video"] is None  # made of a BVH file
    gait = server.get("gait", **KEY)
    events = lake.sql(f"SELECT side, event, time_s FROM gait_events WHERE {WHERE} ORDER BY time_s, side").rows()
    assert [(e["side"], e["event"], e["time_s"]) for e in gait["events"]] == events
    cycles = lake.sql(f"SELECT side, cycle, is_steady FROM gait_cycles WHERE {WHERE} ORDER BY side, cycle").rows()
    assert [(c["side"], c["cycle"], c["is_steady"]) for c in gait["cycles"]] == cycles
    for side in ("left", "right"):
        query = f"SELECT median(stride_time_s), median(step_length_m) FROM spatiotemporal WHERE {WHERE} AND side = '{side}' AND is_steady"
        stride, step = lake.sql(query).row(0)
        assert gait["parameters"][side]["stride_time_s"] == pytest.approx(stride)
        assert gait["parameters"][side]["step_length_m"] == pytest.approx(step)
    skeleton = server.get("skeleton", **KEY)
    assert "left_knee" in skeleton["points"]
    assert server.get("measured", **KEY) == {"forces": None, "kinetics": None, "emg": []}


def test_curves_over_each_other_and_the_band_of_a_group(server, table, lake):
    found = server.get("compare", item="C01/ses1/walk_01")
    assert found["items"][0]["is_pending"] is False
    query = "SELECT avg(right_knee_flexion_deg) FROM cycle_curves WHERE subject = 'C01' AND side = 'right' AND is_steady AND session = 'ses1' GROUP BY percent ORDER BY percent"
    np.testing.assert_allclose(
        found["items"][0]["curves"]["knee_flexion"]["right"], lake.sql(query).to_series().to_numpy(), atol=0.006
    )
    one = server.get("compare", item="C01/ses1/walk_01/left/1")["items"][0]["curves"]["knee_flexion"]["left"]
    query = "SELECT left_knee_flexion_deg FROM cycle_curves WHERE subject = 'C01' AND session = 'ses1' AND side = 'left' AND cycle = 1 ORDER BY percent"
    np.testing.assert_allclose(one, lake.sql(query).to_series().to_numpy(), atol=0.006)
    band = found["band"]  # of everybody: three people, each the mean of their sessions
    assert band["n"] == 3
    query = (
        "WITH trial AS (SELECT subject, session, percent, avg(left_knee_flexion_deg) AS knee FROM cycle_curves "
        "WHERE side = 'left' AND is_steady GROUP BY ALL), person AS (SELECT subject, percent, avg(knee) AS knee FROM trial GROUP BY ALL) "
        "SELECT avg(knee), stddev_samp(knee) FROM person GROUP BY percent ORDER BY percent"
    )
    wanted = lake.sql(query).to_numpy()
    np.testing.assert_allclose(band["mean"]["knee_flexion"]["left"], wanted[:, 0], atol=0.006)
    np.testing.assert_allclose(band["sd"]["knee_flexion"]["left"], wanted[:, 1], atol=0.006)


def test_nearest_neighbours_are_those_of_a_plain_dtw(server, table):
    found = server.get("neighbours", subject="H01", session="ses1", trial="walk_01")["neighbours"]
    items = [f"{r['subject']}/{r['session']}/{r['trial']}" for r in table["trials"]]
    curves = {}
    for item in items:
        shown = server.get("compare", item=item)["items"][0]["curves"]
        curves[item] = {
            s: np.array([shown[a][s] for a in ("hip_flexion", "knee_flexion", "ankle_dorsiflexion")]).T
            for s in ("left", "right")
        }

    def dtw(a, b):
        cost = ((a[:, None] - b[None]) ** 2).sum(axis=2)
        total = np.full((102, 102), np.inf)
        total[0, 0] = 0
        for i in range(101):
            for j in range(101):
                total[i + 1, j + 1] = cost[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
        return np.sqrt(total[-1, -1])

    own = curves.pop("H01/ses1/walk_01")
    wanted = {item: np.mean([dtw(own[s], one[s]) for s in ("left", "right")]) for item, one in curves.items()}
    assert [f"{n['subject']}/{n['session']}/{n['trial']}" for n in found] == sorted(wanted, key=wanted.get)
    for n in found:
        assert n["distance"] == pytest.approx(wanted[f"{n['subject']}/{n['session']}/{n['trial']}"], abs=0.05)
    assert found[0]["is_same_person"]


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        (
            "trial",
            {"subject": "H01", "trial": "walk_91"},
            "no trial H01/walk_91 in this lake; similar: H01/ses",
        ),
        ("gait", {"trial": "walk_01"}, "lacks subject"),
        ("cohort", {"reference": "contrl"}, "no group 'contrl' in this lake; similar: control"),
        ("compare", {"item": "H01"}, "'H01' is not an item; expected subject/session/trial"),
        ("compare", {"item": "H01/ses1/walk_01/left/99"}, "has no left cycle 99"),
    ],
)
def test_what_is_not_there_is_named(server, name, values, said):
    from urllib.parse import urlencode

    status, content, _ = server.ask(f"/api/{name}?{urlencode(values)}")
    assert status == 400
    assert said in content["error"]


def test_of_two_sources_of_one_event_the_one_that_cycles_are_made_of_is_shown():
    from neurostore.window.trial import _shown_events

    def event(side: str, time_s: float, source: str) -> dict:
        return {"side": side, "event": "foot_strike", "time_s": time_s, "source": source}

    events = [event("right", 7.14, "force"), event("right", 7.17, "computed"), event("right", 8.2, "computed"), event("left", 7.15, "computed")]  # fmt: skip
    shown = [(e["side"], e["time_s"], e["source"]) for e in _shown_events(events, {"force", "computed"})]
    assert shown == [("right", 7.14, "force"), ("left", 7.15, "computed"), ("right", 8.2, "computed")]
    assert _shown_events([event("left", 1.0, "file"), event("left", 1.3, "computed")], {"computed"}) == [
        event("left", 1.3, "computed")
    ]
