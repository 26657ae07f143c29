// Colours, names and units that several pages share. Left is orange and solid, right is blue and dashed (Okabe and Ito).
export const SIDES = ["left", "right"];
export const COLOURS = { left: "#D55E00", right: "#0072B2" };
export const DASHES = { left: [], right: [6, 3] };
export const ITEM_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C00"];
export const EVENTS = { foot_strike: { name: "foot strike", mark: "▼" }, foot_off: { name: "foot off", mark: "▲" } };
export const LEVELS = {
  usable: ["✓", "Usable"], check: ["!", "Check first"], unusable: ["✕", "Do not use"], excluded: ["–", "Excluded"], "no gait": ["○", "No gait"],
};
export const PARAMETERS = [
  ["walking_speed_m_s", "Walking speed", "m/s", 2], ["cadence_steps_min", "Cadence", "steps/min", 1],
  ["stride_length_m", "Stride length", "m", 3], ["step_length_m", "Step length", "m", 3], ["step_width_m", "Step width", "m", 3],
  ["stride_time_s", "Stride time", "s", 3], ["step_time_s", "Step time", "s", 3], ["stance_pct", "Stance", "%", 1],
  ["swing_pct", "Swing", "%", 1], ["single_support_pct", "Single support", "%", 1],
  ["initial_double_support_pct", "Initial double support", "%", 1], ["terminal_double_support_pct", "Terminal double support", "%", 1],
  ["foot_clearance_mm", "Foot clearance", "mm", 0],
];

export const words = (name) => {
  const text = name.replace(/_(nm_kg|w_kg|deg)$/, "").replace(/_rel$/, " from neutral").replaceAll("_", " ");
  return text[0].toUpperCase() + text.slice(1);
};
