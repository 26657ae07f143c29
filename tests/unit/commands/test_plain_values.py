"""Plain values of the command line are taken without typer's validators, and the others are judged by them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from neurostore.commands import plain_values
from neurostore.commands.help_sections import SectionedHelp
from neurostore.commands.options import Format


@pytest.fixture
def judged(monkeypatch):
    """The names of the options whose values typer itself judges."""
    names = []
    own = plain_values.PlainFirst.coerce

    def coerce(self, value, **given):
        judge = self._judge
        self._judge = lambda: names.append(given["param"].name) or judge()
        try:
            return own(self, value, **given)
        finally:
            self._judge = judge

    monkeypatch.setattr(plain_values.PlainFirst, "coerce", coerce)
    return names


@pytest.fixture
def app():
    app = typer.Typer(cls=SectionedHelp, pretty_exceptions_enable=False)
    app.callback()(lambda: None)

    @app.command()
    def told(
        text: str,
        lake: Annotated[Path, typer.Option("--lake")] = Path("lake"),
        only: Annotated[Path | None, typer.Option("--only", exists=True)] = None,
        format: Annotated[Format | None, typer.Option("--format")] = None,
        n: Annotated[int, typer.Option("--n", min=1)] = 2,
        where: Annotated[list[str] | None, typer.Option("--where")] = None,
    ) -> None:
        print(repr((text, lake.name, only, format, n, where)))

    return app


def test_plain_values_are_taken_as_they_are(app, judged, tmp_path):
    done = CliRunner().invoke(app, ["told", "SELECT 1", "--lake", str(tmp_path / "other")])
    assert done.output == "('SELECT 1', 'other', None, None, 2, None)\n"
    assert set(judged) <= {"where"}


def test_other_values_are_judged(app, judged, tmp_path):
    given = ["told", "x", "--format", "csv", "--n", "3", "--where", "a", "--where", "b", "--only", str(tmp_path)]
    done = CliRunner().invoke(app, given)
    assert "<Format.csv: 'csv'>, 3, ['a', 'b'])" in done.output
    assert {"format", "n", "where", "only"} <= set(judged)
    for wrong in (["--n", "0"], ["--n", "x"], ["--format", "tsv"], ["--only", str(tmp_path / "none")]):
        assert CliRunner().invoke(app, ["told", "x", *wrong]).exit_code == 2


def test_a_typer_with_other_parameters_judges_everything_itself():
    class Judge:
        limit = 7

        def coerce(self, value, **given):
            return ("judged", value, given)

    first = plain_values.PlainFirst(Judge)
    assert first.coerce("x", ctx=1) == ("judged", "x", {"ctx": 1})
    assert first.coerce("x", param=object(), more=2)[0] == "judged"
    assert first.limit == 7
