"""Parts of the page about trials: events, skeleton player, and the single strides that figures and player share."""

from __future__ import annotations

from typing import Any

from neurostore.report.data import ReportData
from neurostore.report.figure_element import figure
from neurostore.report.html import Html, data_script, tag
from neurostore.report.sessions import Session
from neurostore.report.strides import most_of_a_side, packed, spread_out
from neurostore.report.timeline import timeline


def trials(data: ReportData, subject: str, blocks: list[Session]) -> Html:
    """The trials of a person: a choice of them, the events of the one chosen, and its skeleton. Opens on a walk."""
    clips = {(c.session, c.trial): c for c in data.clips if c.subject == subject}
    ids = trial_ids(data, subject)
    rows = _in_order(data, subject, blocks)
    opened = next((i for i, row in enumerate(rows) if row["n_steady_cycles"]), 0)
    options, parts = [], []
    for i, row in enumerate(rows):
        session, trial = row["session"], row["trial"]
        block = Session(data, subject, session, row["condition"])
        name = " ".join(p for p in (session, trial) if p)
        key = ids[session, trial]
        options.append(tag("option", name, value=key, selected=i == opened))
        clip = clips.get((session, trial))
        plot = timeline(block, trial)
        parts.append(
            tag(
                "div",
                figure(plot, f"{key}-events", f"Events of {subject} {name}", class_="timeline"),
                data_script(clip.to_json(), class_="clip")
                if clip
                else tag("p", "The page has no skeleton for this trial.", class_="soft"),
                data_script(_phases(block, trial), class_="phases"),
                class_="trial",
                id=key,
                data_block=f"block-{block.slug}",
                hidden=i != opened,
            )
        )
    choice = tag("p", tag("label", "Trial ", tag("select", options)), class_="trial-choice")
    text = (
        "Bars: stance, hatched where the cycle is not steady, hollow outside whole cycles. ▼ foot strike, ▲ foot off; filled: "
        "computed; ◆: of a force platform; open: the source file's own."
    )
    return tag(
        "div",
        tag("h4", "Trials: events and skeleton"),
        choice,
        parts,
        tag("p", text, class_="soft"),
        _player(subject),
        class_="trials",
    )


def _in_order(data: ReportData, subject: str, blocks: list[Session]) -> list[dict[str, Any]]:
    """Rows of a person's trials: by session in time, static trials last."""
    import polars as pl

    places = {(block.session, block.condition): i for i, block in enumerate(blocks)}
    rows = data.trials.filter(pl.col("subject") == subject).to_dicts()
    return sorted(
        rows,
        key=lambda r: (
            r["kind"] == "static",
            places.get((r["session"], r["condition"]), len(places)),
            r["session"],
            r["trial"],
        ),
    )


def trial_ids(data: ReportData, subject: str) -> dict[tuple[str, str], str]:
    """(session, trial) → id of its element in the page."""
    import polars as pl

    mine = data.trials.filter(pl.col("subject") == subject)
    return {key: f"trial-{subject}-{i}" for i, key in enumerate(mine.select("session", "trial").iter_rows())}


def packed_strides(block: Session) -> Html | None:
    """The single strides of a session for the page's script, as many as it has room for; None without any."""
    import polars as pl

    if not any(block.strides.values()):
        return None
    keys = ["subject", "session", "condition", "side"]
    counts = block.data.strides.filter(pl.col("is_steady")).group_by(keys).len()["len"].to_list()
    most = most_of_a_side(counts, max(len(s.curves) for side in block.strides.values() for s in side))
    shown = [stride for strides in block.strides.values() for stride in spread_out(strides, most)]
    places = {
        trial: key for (session, trial), key in trial_ids(block.data, block.subject).items() if session == block.session
    }
    return data_script(packed(shown, places), class_="strides")


def _phases(block: Session, trial: str) -> dict[str, list[list[float | None]]]:
    """Of each side the cycles of a trial: strike, off, next strike in seconds, number, and 1 where it is steady."""
    import polars as pl

    mine = block.rows(block.data.cycles, by_condition=False).filter(pl.col("trial") == trial)
    phases: dict[str, list[list[float | None]]] = {"left": [], "right": []}
    columns = ("side", "start_s", "foot_off_s", "end_s", "cycle", "is_steady")
    for side, start, off, end, cycle, is_steady in mine.select(columns).iter_rows():
        phases[side].append(
            [round(start, 4), None if off is None else round(off, 4), round(end, 4), cycle, int(is_steady)]
        )
    return phases


def _player(subject: str) -> Html:
    views = [
        ("Side", "1.5708", "0.05"),
        ("Front", "0", "0.05"),
        ("Above", "1.5708", "1.45"),
        ("Oblique", "0.9", "0.18"),
    ]
    speeds = [tag("option", f"{v} ×", value=v, selected=v == "1") for v in ("0.25", "0.5", "1")]
    choices = (("now", "now"), ("so far", "so-far"), ("whole trial", "all"), ("none", "none"))
    forces = [tag("option", text, value=value, selected=value == "so-far") for text, value in choices]
    controls = tag(
        "div",
        tag("button", "Play", type="button", class_="play"),
        tag("input", type="range", class_="frame", min="0", max="0", value="0", step="1", aria_label="Frame"),
        tag("select", speeds, class_="speed", aria_label="Speed"),
        tag("label", "Forces ", tag("select", forces, class_="forces"), class_="forces", hidden=True),
        [tag("button", n, type="button", data_yaw=yaw, data_pitch=pitch) for n, yaw, pitch in views],
        class_="controls",
    )
    of_cycle = tag(
        "div",
        tag("label", "Cycle ", tag("select", class_="cycle")),
        tag(
            "input",
            type="range",
            class_="percent",
            min="0",
            max="100",
            value="0",
            step="1",
            aria_label="Percent of the cycle",
        ),
        tag("output", "", class_="percent", aria_live="off"),
        class_="controls of-cycle",
    )
    label = f"Skeleton of {subject}: drag or use the arrow keys to turn it"
    canvas = tag("canvas", tabindex="0", role="img", aria_label=label)
    clock = tag("output", aria_live="off", class_="time")
    return tag("div", tag("div", canvas, controls, clock, class_="player"), of_cycle, class_="viewer")
