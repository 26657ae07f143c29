"""The methods of a lake are real signatures, the same as those of the functions they stand for."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

import neurostore
from neurostore import api, distances, statistics
from neurostore.distances.choice import Choice, Options
from neurostore.lake.selection import Filters
from neurostore.lake.version import Version

#: Lake.compare computes distances to a reference group, which statistics.compare is given
COMPUTED_FROM_EACH_OTHER = ("reference", "given")


@pytest.mark.parametrize(
    ("method", "function"),
    [
        (api.Lake.distances, distances.distances),
        (api.Lake.mean_curves, statistics.mean_curves),
        (api.Lake.cycles_array, statistics.cycles_array),
        (api.Lake.compare, statistics.compare),
    ],
)
def test_a_method_takes_what_its_function_takes(method, function):
    def taken(callable_):
        parameters = list(inspect.signature(callable_).parameters.values())[1:]
        return [(p.name, p.kind, p.default) for p in parameters if p.name not in COMPUTED_FROM_EACH_OTHER]

    assert taken(method) == taken(function)


def test_options_are_the_fields_of_a_choice_and_filters():
    taken = {name: kind.__forward_arg__ for name, kind in Options.__annotations__.items()}
    filters = {name: taken.pop(name) for name in Filters.__annotations__ if name != "where"}
    assert filters.keys() == {"session", "condition", "event_source", "subject"}
    assert {f.name: f.type for f in dataclasses.fields(Choice)} == taken


def test_open_gives_the_users_lake_and_lower_rooms_a_version(tmp_path):
    lake = neurostore.Lake.create(tmp_path / "lake")
    assert type(lake) is type(neurostore.open(tmp_path / "lake")) is neurostore.Lake
    assert type(Version.open(tmp_path / "lake")) is Version
    assert not hasattr(Version, "distances")
    assert lake.history()["operation"].to_list() == ["create"]
