"""What a browser sends is stored whole or not at all, and what cannot be stored is named."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time

import pytest

from neurostore import reviews, window
from neurostore.api import open as open_lake
from neurostore.errors import LakeError, UsageError
from neurostore.window import app, deciding, trial
from neurostore.window.shelf import Shelf
from tests.builders.window_server import KEY, WHERE, running, until

ID = "0123456789abcdef0123456789abcde"


@pytest.fixture(scope="module")
def reviewed(made, tmp_path_factory):
    """The lake behind `reviewing`."""
    folder = tmp_path_factory.mktemp("reviewed")
    shutil.copytree(made / "lake", folder / "lake")
    return folder / "lake"


@pytest.fixture(scope="module")
def reviewing(reviewed):
    """One server that stores decisions for the tests of this module: first those that change nothing."""
    with running(reviewed, "--reviewer", "R1") as one:
        yield one


def notes(n: int) -> list[dict]:
    return [{"action": "note", "reason": f"note {i}", "review_id": f"{ID}{i}"} for i in range(n)]


def test_decisions_that_cannot_be_are_named_and_not_stored(reviewing, reviewed):
    version = open_lake(reviewed).version
    gait = reviewing.get("gait", **KEY)
    first = next(e for e in gait["events"] if (e["side"], e["event"]) == ("left", "foot_strike"))
    on = {"side": "left", "event": "foot_strike", "reason": "x"}
    for decision, said in (
        ({"action": "add_event", **on, "time_s": 99.5}, "outside the recording of H01/ses1/walk_01"),
        (
            {"action": "move_event", **on, "time_s": first["time_s"], "new_time_s": first["time_s"] + 0.9},
            "would pass the left foot_off",
        ),
        ({"action": "delete_event", **on, "time_s": 0.02}, "has no left foot_strike at 0.02 s"),
        ({"action": "exclude", "side": "left", "cycle": 77, "reason": "x"}, "has no left cycle 77"),
        ({"action": "exclude", "side": "left", "cycle": 1}, "reason is missing"),
    ):
        status, answer, _ = reviewing.ask(
            "/api/decisions", {**KEY, "version": gait["version"], "decisions": [decision]}
        )
        assert status == 400, answer
        assert said in answer["error"]
    status, answer, _ = reviewing.ask(
        "/api/decisions", {**KEY, "trial": "walk_09", "version": 1, "decisions": notes(1)}
    )
    assert status == 400
    assert "no trial H01/ses1/walk_09" in answer["error"]
    assert open_lake(reviewed).version == version


def test_a_preview_is_what_is_stored_and_nothing_is_stored_twice(reviewing, reviewed):
    before = reviewing.get("gait", **KEY)
    strikes = [e["time_s"] for e in before["events"] if (e["side"], e["event"]) == ("left", "foot_strike")]
    decisions = [
        {"action": "move_event", "side": "left", "event": "foot_strike", "time_s": strikes[1], "new_time_s": strikes[1] + 0.03, "reason": "seen", "review_id": f"{ID}0"},
        {"action": "exclude", "side": "right", "cycle": 1, "reason": "stumbled", "review_id": f"{ID}1"},
    ]  # fmt: skip
    version = open_lake(reviewed).version
    status, preview, _ = reviewing.ask("/api/preview", {**KEY, "decisions": decisions})
    assert status == 200, preview
    assert open_lake(reviewed).version == version
    assert reviewing.get("gait", **KEY) == before  # a preview leaves nothing behind
    body = {**KEY, "version": before["version"], "decisions": decisions}
    status, answer, _ = reviewing.ask("/api/decisions", body)
    assert (status, answer["n_stored"]) == (200, 2), answer
    after = reviewing.get("gait", **KEY)
    assert after["cycles"] == [
        {**c, "reason": c["reason"] and c["reason"].replace("by draft", "by R1")} for c in preview["cycles"]
    ]
    assert after["parameters"] == preview["parameters"] != before["parameters"]
    lake = open_lake(reviewed)
    assert lake.version == answer["version"] == version + 1
    assert (
        lake.sql(f"SELECT reason FROM gait_cycles WHERE {WHERE} AND side = 'right' AND cycle = 1").item()
        == "excluded by R1: stumbled"
    )
    status, answer, _ = reviewing.ask("/api/decisions", body)  # asked again, as after a lost answer
    assert status == 200, answer
    assert open_lake(reviewed).version == version + 1
    rows = until(lambda: (r := reviewing.get("cohort")["trials"]) and [t for t in r if t["looked_at"]])
    assert [(t["subject"], t["session"], t["reviewers"]) for t in rows] == [("H01", "ses1", ["R1"])]


@pytest.mark.slow
def test_a_killed_server_leaves_all_or_nothing(path, monkeypatch):
    """Killed at once, and as its first file appears in the lake; asking again stores what is missing, once."""
    n = 5
    for is_writing in (False, True):
        with running(path, "--reviewer", "R1") as server:
            server.get("gait", **KEY)
            body = {**KEY, "version": open_lake(path).version, "decisions": notes(n)}
            files = _n_files(path)
            asking = threading.Thread(target=_tried, args=(server, body))
            asking.start()
            while is_writing and asking.is_alive() and _n_files(path) == files:
                time.sleep(0.002)
            server.process.kill()
            asking.join()
        assert _n_stored(path) in (0, n)
    shelf = Shelf(path)
    monkeypatch.setattr(shelf.renewal, "ask", lambda: None)
    deciding.store(shelf, "R1", {**body, "version": shelf.lake().version})
    assert _n_stored(path) == n
    listed = reviews.listing(open_lake(path))
    assert sorted(listed["reason"]) == [f"note {i}" for i in range(n)]


def _n_files(path) -> int:
    return sum(len(files) for _, _, files in os.walk(path))


def _tried(server, body) -> None:
    try:
        server.ask("/api/decisions", body)
    except OSError:
        pass  # no answer: the server is gone
    except Exception as error:
        assert type(error).__name__ in ("RemoteDisconnected", "BadStatusLine", "IncompleteRead")  # noqa: PT017


def _n_stored(path) -> int:
    lake = open_lake(path)
    return lake.sql("SELECT count(*) FROM reviews").item() if "reviews" in lake.table_versions else 0


def test_a_full_disk_at_every_write_is_named_and_leaves_nothing_half(path, monkeypatch):
    shelf = Shelf(path)
    monkeypatch.setattr(shelf.renewal, "ask", lambda: None)
    body = {**KEY, "version": shelf.lake().version, "decisions": notes(2)}
    real, counts = os.fsync, []
    for allowed in range(60):
        left = [allowed]

        def full(file, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            real(file)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            said = _error_of(shelf, body)
        lake = open_lake(path)
        counts.append(lake.sql("SELECT * FROM reviews").height)
        if said is None:
            break
        assert "disk is full" in said
    assert len(counts) > 4  # it failed at several writes
    assert set(counts) == {0, 2}
    assert counts == sorted(counts)  # what is stored once is not stored again, and stays
    assert sorted(reviews.listing(open_lake(path))["reason"]) == ["note 0", "note 1"]


def _error_of(shelf, body) -> str | None:
    try:
        deciding.store(shelf, "R1", body)
    except LakeError as error:
        return str(error)
    return None


def test_a_lake_that_may_not_be_written_is_named_before_anything_starts(path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda name, mode: mode != os.W_OK)
    with pytest.raises(LakeError, match="may not write here; leave out --reviewer to look only"):
        window.serve(path, reviewer="R1", say=pytest.fail)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"reviewer": "Dr. Who"}, "--reviewer is 'Dr. Who'; expected a code of letters"),
        ({"reference": "nobody"}, "there is no group 'nobody' in this lake; there are: control, crouch, stiff_knee"),
        ({"cohort": "missing"}, "missing: no such folder"),
    ],
)
def test_options_that_cannot_be_are_named(made, options, said):
    from pathlib import Path

    given = {k: Path(v) if k == "cohort" else v for k, v in options.items()}
    with pytest.raises(UsageError, match=said.replace(".", r"\.")):
        window.serve(made / "lake", say=pytest.fail, **given)


def test_a_port_that_is_taken_is_named(reviewing, made):
    with pytest.raises(UsageError, match="cannot be used"):
        window.serve(made / "lake", port=int(reviewing.host.partition(":")[2]), say=pytest.fail)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "expected an object with subject"),
        ({**KEY, "decisions": "x"}, "decisions is not a list"),
        ({**KEY, "subject": 1, "decisions": []}, "subject is not a text"),
        ({**KEY, "decisions": [{"action": "note", "time_s": "1"}]}, "decision 1: time_s is not a number"),
        ({**KEY, "decisions": [{"action": "note", "time_s": True}]}, "time_s is not a number"),
        ({**KEY, "decisions": [{"action": "note", "cycle": 1.5}]}, "cycle is not a whole number"),
        ({**KEY, "decisions": [{"action": "note", "reviewer": "R9"}]}, "there is no column 'reviewer'"),
        ({**KEY, "decisions": [{"action": "note", "review_id": "../x"}]}, "review_id is not 32 hexadecimal digits"),
        ({**KEY, "decisions": [{"action": "note", "reason": "x" * 2000}]}, "reason is not a text of at most 1,000 letters"),
        ({**KEY, "decisions": [{}] * 201}, "201 decisions at once; at most 200"),
    ],
)  # fmt: skip
def test_a_body_of_another_form_is_named(body, said):
    with pytest.raises(UsageError, match=said.replace(".", r"\.")):
        deciding.drafts_of(body)


def test_a_release_is_shown_as_it_was_and_takes_no_decision(path, monkeypatch):
    lake, live = open_lake(path), Shelf(path)
    monkeypatch.setattr(live.renewal, "ask", lambda: None)
    before = lake.version
    lake.release("paper")
    exclude = {**KEY, "version": before, "decisions": [{"action": "exclude", "reason": "later"}]}
    deciding.store(live, "R1", exclude)
    shown = app.Window(Shelf(path, release="paper"))
    state = shown.state(None)
    assert (state["version"], state["is_release"]) == (before, True)
    assert state["state"].startswith("release paper (content SHA-256 ")
    key = tuple(KEY[name] for name in ("subject", "session", "trial"))
    for is_release in (True, False):
        shelf = shown.shelf if is_release else live
        with shelf.bench(*key[:2]) as bench:
            cycles = trial.gait(bench, key)["cycles"]
            assert any(c["is_steady"] for c in cycles) is is_release
            assert bool(trial.decisions(bench, key)) is not is_release
    with pytest.raises(UsageError, match="a release does not change"):
        window.serve(path, release="paper", reviewer="R1")
