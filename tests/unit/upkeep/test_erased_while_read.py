"""A person is erased between the opening of a version and its use: what read it says so by name, and refresh goes on."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore.api import open as open_lake
from neurostore.commands import sql
from neurostore.errors import VanishedVersionError
from neurostore.lake import heartbeat
from neurostore.report.snapshot import Snapshot
from neurostore.sql import views
from neurostore.upkeep import refresh as refreshing
from neurostore.upkeep.erase import erase
from tests.builders.lake_builder import build_lake, trial

HEEL = np.random.default_rng(3).normal(500, 80, (30, 3))


@pytest.fixture
def lake(tmp_path):
    """Two people, and the version in which both are."""
    return open_lake(build_lake(tmp_path, [trial(s, "walk", left_heel=HEEL) for s in ("S1", "S2")]).path)


@pytest.fixture
def erased_amid_views(lake, monkeypatch):
    """The first person is erased while the views of a connection are made, after the files were found intact."""
    real = views.create

    def create(*args):
        monkeypatch.setattr(views, "create", real)
        erase(lake.path, "S1")
        return real(*args)

    monkeypatch.setattr(views, "create", create)


@pytest.mark.usefixtures("erased_amid_views")
@pytest.mark.parametrize(
    "use",
    [
        lambda lake: lake.connect("SELECT * FROM joint_angles"),
        lambda lake: lake.connect(),
        lambda lake: lake.sql("SELECT count(*) FROM trial_quality"),
        lambda lake: sql.run(lake, "SELECT * FROM subject_summary"),
        lambda lake: lake.computed.rows("gait_cycles", [("S1", ""), ("S2", "")], ()),
        lambda lake: Snapshot(lake).sql("SELECT * FROM trials"),
    ],
    ids=["connect for a query", "connect", "sql", "the command sql", "computed", "a report"],
)
def test_a_version_whose_person_is_erased_meanwhile_is_named(lake, use):
    with pytest.raises(VanishedVersionError, match="was vacuumed while it was read"):
        use(lake)


def test_an_erasure_in_the_middle_of_a_query_of_a_report_is_named(lake):
    snapshot = Snapshot(lake)
    erase(lake.path, "S1")
    with pytest.raises(VanishedVersionError):
        snapshot.sql("SELECT * FROM landmarks")


def test_refresh_goes_on_with_those_who_are_left(lake, monkeypatch):
    real, erased = refreshing.compute, []

    def compute(*args, **options):
        if not erased:  # it slept for so long that it was taken for dead
            with monkeypatch.context() as asleep:
                asleep.setattr(heartbeat, "STALE_S", -1.0)
                erased.append(erase(lake.path, "S1"))
        return real(*args, **options)

    monkeypatch.setattr(refreshing, "compute", compute)
    done = refreshing.refresh(lake.path, n_workers=1)
    assert erased
    assert (done.n_sessions, done.n_left) == (1, 0)
    assert sorted(open_lake(lake.path).results().fresh) == [("S2", "")]
