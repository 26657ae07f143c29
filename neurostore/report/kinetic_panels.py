"""The panels of the kinetic chart: moments, powers and ground reaction over the gait cycle."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KineticPanel:
    """One quantity of the kinetic chart.

    quantity : column of kinetic_curves. up, down : what positive and negative values mean. low, high : values that the axis shows
    at least.
    """

    quantity: str
    title: str
    unit: str
    up: str
    down: str
    low: float
    high: float


# One row per kind of quantity; hip, knee and ankle side by side.
KINETIC_PANELS = (
    KineticPanel("hip_flexion_moment_nm_kg", "Hip sagittal moment", "Nm/kg", "extensor", "flexor", -1.5, 1.5),
    KineticPanel("knee_flexion_moment_nm_kg", "Knee sagittal moment", "Nm/kg", "extensor", "flexor", -1, 1),
    KineticPanel(
        "ankle_flexion_moment_nm_kg", "Ankle sagittal moment", "Nm/kg", "plantarflexor", "dorsiflexor", -0.5, 2
    ),
    KineticPanel("hip_adduction_moment_nm_kg", "Hip frontal moment", "Nm/kg", "abductor", "adductor", -0.5, 1.2),
    KineticPanel("knee_adduction_moment_nm_kg", "Knee frontal moment", "Nm/kg", "abductor", "adductor", -0.4, 0.8),
    KineticPanel("ankle_adduction_moment_nm_kg", "Ankle frontal moment", "Nm/kg", "abductor", "adductor", -0.4, 0.4),
    KineticPanel("hip_power_w_kg", "Hip power", "W/kg", "generates", "absorbs", -2, 2),
    KineticPanel("knee_power_w_kg", "Knee power", "W/kg", "generates", "absorbs", -2, 2),
    KineticPanel("ankle_power_w_kg", "Ankle power", "W/kg", "generates", "absorbs", -1.5, 4),
    KineticPanel("vertical_force_n_kg", "Vertical ground reaction", "N/kg", "up", "", 0, 12),
    KineticPanel("anterior_force_n_kg", "Anterior ground reaction", "N/kg", "propels", "brakes", -2.5, 2.5),
)
