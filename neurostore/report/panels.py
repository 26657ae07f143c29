"""What the report shows: the panels of the kinematic chart, the parameters of its tables, the colours."""

from __future__ import annotations

from dataclasses import dataclass

# Okabe & Ito's colours, which colour-blind readers can distinguish. Left and right differ in dash too, for grey prints.
SIDE_COLOURS = {"left": "#D55E00", "right": "#0072B2"}
SIDE_DASHES = {"left": "solid", "right": "dash"}
GROUP_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#8C8C00")
GROUP_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "triangle-down", "x", "star")
BAND_COLOUR = "#8A8F98"
INK = "#1F2933"
NO_GROUP = "(no group)"


@dataclass(frozen=True)
class Panel:
    """One angle of the kinematic chart.

    angle : column of cycle_curves without side and unit. low, high : degrees the axis shows at least, so that charts of
    different people look alike.
    """

    angle: str
    title: str
    up: str
    down: str
    low: float
    high: float
    is_sided: bool = True
    may_be_relative: bool = False

    def column(self, side: str, is_relative: bool = False) -> str:
        """The column of cycle_curves that holds this angle for a cycle of that side."""
        prefix = f"{side}_" if self.is_sided else ""
        return f"{prefix}{self.angle}{'_rel' if is_relative else ''}_deg"


# The classical chart: one row per joint, the planes side by side.
PLANES = ("Sagittal", "Frontal", "Transverse")
PANELS = (
    Panel("pelvis_tilt", "Pelvic tilt", "anterior", "posterior", -5, 30, is_sided=False, may_be_relative=True),
    Panel("pelvis_obliquity", "Pelvic obliquity", "up", "down", -15, 15, may_be_relative=True),
    Panel("pelvis_rotation", "Pelvic rotation", "internal", "external", -25, 25, may_be_relative=True),
    Panel("hip_flexion", "Hip flexion", "flexion", "extension", -25, 55, may_be_relative=True),
    Panel("hip_adduction", "Hip adduction", "adduction", "abduction", -20, 20, may_be_relative=True),
    Panel("hip_rotation", "Hip rotation", "internal", "external", -30, 30, may_be_relative=True),
    Panel("knee_flexion", "Knee flexion", "flexion", "extension", -10, 75),
    Panel("knee_adduction", "Knee adduction", "varus", "valgus", -20, 20),
    Panel("knee_rotation", "Knee rotation", "internal", "external", -30, 30),
    Panel("ankle_dorsiflexion", "Ankle dorsiflexion", "dorsi", "plantar", -30, 25),
    Panel("ankle_inversion", "Ankle inversion", "inversion", "eversion", -20, 20),
    Panel("foot_progression", "Foot progression", "internal", "external", -40, 20),
)
GVS = (
    "pelvis_tilt",
    "pelvis_obliquity",
    "pelvis_rotation",
    "hip_flexion",
    "hip_adduction",
    "hip_rotation",
    "knee_flexion",
    "ankle_dorsiflexion",
    "foot_progression",
)
TITLES = {panel.angle: panel.title for panel in PANELS}


@dataclass(frozen=True)
class Parameter:
    """A column of subject_summary in the tables. symmetry : the stem of its symmetry columns, '' for none."""

    column: str
    title: str
    unit: str
    decimals: int
    symmetry: str = ""

    @property
    def kind(self) -> str:
        """The heading under which it is listed."""
        if self.unit == "°":
            return "Angles"
        return "Forces, moments and powers" if self.unit.endswith("/kg") else "Time and distance"


PARAMETERS = (
    Parameter("walking_speed_m_s", "Walking speed", "m/s", 2),
    Parameter("cadence_steps_min", "Cadence", "steps/min", 0),
    Parameter("stride_length_m", "Stride length", "m", 2),
    Parameter("step_length_m", "Step length", "m", 2, "step_length"),
    Parameter("step_width_m", "Step width", "m", 3),
    Parameter("stride_time_s", "Stride time", "s", 2),
    Parameter("step_time_s", "Step time", "s", 2, "step_time"),
    Parameter("stance_pct", "Stance", "% of cycle", 1, "stance"),
    Parameter("swing_pct", "Swing", "% of cycle", 1, "swing"),
    Parameter("single_support_pct", "Single support", "% of cycle", 1, "single_support"),
    Parameter("initial_double_support_pct", "Initial double support", "% of cycle", 1),
    Parameter("terminal_double_support_pct", "Terminal double support", "% of cycle", 1),
    Parameter("foot_clearance_mm", "Foot clearance", "mm", 0, "foot_clearance"),
    Parameter("walking_speed_norm", "Walking speed by leg length", "Froude root", 2),
    Parameter("knee_flexion_at_strike_deg", "Knee flexion at strike", "°", 1),
    Parameter("min_stance_knee_flexion_deg", "Least knee flexion in stance", "°", 1),
    Parameter("peak_swing_knee_flexion_deg", "Peak knee flexion in swing", "°", 1),
    Parameter("knee_flexion_range_deg", "Knee flexion range", "°", 1, "knee_flexion_range"),
    Parameter("peak_hip_flexion_deg", "Peak hip flexion", "°", 1),
    Parameter("min_hip_flexion_deg", "Least hip flexion", "°", 1),
    Parameter("hip_flexion_range_deg", "Hip flexion range", "°", 1, "hip_flexion_range"),
    Parameter("dorsiflexion_at_strike_deg", "Dorsiflexion at strike", "°", 1),
    Parameter("peak_stance_dorsiflexion_deg", "Peak dorsiflexion in stance", "°", 1),
    Parameter("peak_swing_dorsiflexion_deg", "Peak dorsiflexion in swing", "°", 1),
    Parameter("mean_pelvis_tilt_deg", "Mean pelvic tilt", "°", 1),
    Parameter("mean_foot_progression_deg", "Mean foot progression", "°", 1),
    Parameter("first_vertical_peak_n_kg", "First peak of vertical force", "N/kg", 1),
    Parameter("second_vertical_peak_n_kg", "Second peak of vertical force", "N/kg", 1),
    Parameter("peak_braking_n_kg", "Peak braking force", "N/kg", 2),
    Parameter("peak_propulsion_n_kg", "Peak propulsive force", "N/kg", 2),
    Parameter("peak_hip_extensor_moment_nm_kg", "Peak hip extensor moment", "Nm/kg", 2),
    Parameter("peak_hip_abductor_moment_nm_kg", "Peak hip abductor moment", "Nm/kg", 2),
    Parameter("peak_knee_extensor_moment_nm_kg", "Peak knee extensor moment", "Nm/kg", 2),
    Parameter("first_knee_abductor_peak_nm_kg", "First peak of knee abductor moment", "Nm/kg", 2),
    Parameter("peak_ankle_plantarflexor_moment_nm_kg", "Peak ankle plantarflexor moment", "Nm/kg", 2),
    Parameter("hip_h1_w_kg", "Hip power H1", "W/kg", 2),
    Parameter("hip_h3_w_kg", "Hip power H3", "W/kg", 2),
    Parameter("knee_k1_w_kg", "Knee power K1", "W/kg", 2),
    Parameter("knee_k3_w_kg", "Knee power K3", "W/kg", 2),
    Parameter("ankle_a2_w_kg", "Ankle power A2", "W/kg", 2),
)
PEAKS = tuple(parameter for parameter in PARAMETERS if parameter.unit.endswith("/kg"))  # of forces, moments and powers
PRINTED = tuple(parameter for parameter in PARAMETERS if parameter not in PEAKS)
OVERVIEW = (
    "walking_speed_m_s",
    "cadence_steps_min",
    "stride_length_m",
    "step_width_m",
    "stance_pct",
    "knee_flexion_range_deg",
)
BY_COLUMN = {parameter.column: parameter for parameter in PARAMETERS}
