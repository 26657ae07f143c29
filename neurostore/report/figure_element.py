"""A figure as an element of the page: its data beside an empty box in which the page's script draws it."""

from __future__ import annotations

from typing import Any

from neurostore.report.html import Html, data_script, tag
from neurostore.report.plotly_figures import plotly_figure
from neurostore.report.specification import Matrix, Plot


def figure(
    content: Plot | Matrix, name: str, label: str, caption: str = "", class_: str = "", **attributes: Any
) -> Html:
    """A figure that the page's script draws: its data beside it as JSON."""
    return tag(
        "figure",
        tag("div", class_="plot", role="img", aria_label=label, style=f"min-height:{content.height}px"),
        data_script(plotly_figure(content)),
        tag("figcaption", caption) if caption else None,
        class_=f"figure {class_}".strip(),
        id=f"figure-{name}",
        **attributes,
    )
