-- One row: a frame of a person, with the rotation of each joint: of the distal segment in the axes of the proximal
-- one.
-- Inputs: _segment_rotations. Unit quaternions conj(proximal) * distal; <side>_step is the foot against the lab, spine
-- the pelvis against the trunk.
SELECT
    subject,
    session,
    trial,
    person,
    frame,
    time_s,
    is_anatomical,
    is_hip_line,
    is_left_thigh,
    is_left_shank,
    is_left_foot,
    left_hip_flexion_neutral,
    left_hip_adduction_neutral,
    left_hip_rotation_neutral,
    left_tibial_torsion,
    is_right_thigh,
    is_right_shank,
    is_right_foot,
    right_hip_flexion_neutral,
    right_hip_adduction_neutral,
    right_hip_rotation_neutral,
    right_tibial_torsion,
    lab_w * pelvis_w + lab_y * pelvis_y AS pelvis_w,
    lab_w * pelvis_x - lab_y * pelvis_z AS pelvis_x,
    lab_w * pelvis_y - lab_y * pelvis_w AS pelvis_y,
    lab_w * pelvis_z + lab_y * pelvis_x AS pelvis_z,
    lab_w * trunk_w + lab_y * trunk_y AS trunk_w,
    lab_w * trunk_x - lab_y * trunk_z AS trunk_x,
    lab_w * trunk_y - lab_y * trunk_w AS trunk_y,
    lab_w * trunk_z + lab_y * trunk_x AS trunk_z,
    trunk_w * pelvis_w + trunk_x * pelvis_x
    + trunk_y * pelvis_y + trunk_z * pelvis_z AS spine_w,
    trunk_w * pelvis_x - trunk_x * pelvis_w
    - trunk_y * pelvis_z + trunk_z * pelvis_y AS spine_x,
    trunk_w * pelvis_y + trunk_x * pelvis_z
    - trunk_y * pelvis_w - trunk_z * pelvis_x AS spine_y,
    trunk_w * pelvis_z - trunk_x * pelvis_y
    + trunk_y * pelvis_x - trunk_z * pelvis_w AS spine_z,
    pelvis_w * left_thigh_w + pelvis_x * left_thigh_x
    + pelvis_y * left_thigh_y + pelvis_z * left_thigh_z AS left_hip_w,
    pelvis_w * left_thigh_x - pelvis_x * left_thigh_w
    - pelvis_y * left_thigh_z + pelvis_z * left_thigh_y AS left_hip_x,
    pelvis_w * left_thigh_y + pelvis_x * left_thigh_z
    - pelvis_y * left_thigh_w - pelvis_z * left_thigh_x AS left_hip_y,
    pelvis_w * left_thigh_z - pelvis_x * left_thigh_y
    + pelvis_y * left_thigh_x - pelvis_z * left_thigh_w AS left_hip_z,
    left_thigh_w * left_shank_w + left_thigh_x * left_shank_x
    + left_thigh_y * left_shank_y + left_thigh_z * left_shank_z AS left_knee_w,
    left_thigh_w * left_shank_x - left_thigh_x * left_shank_w
    - left_thigh_y * left_shank_z + left_thigh_z * left_shank_y AS left_knee_x,
    left_thigh_w * left_shank_y + left_thigh_x * left_shank_z
    - left_thigh_y * left_shank_w - left_thigh_z * left_shank_x AS left_knee_y,
    left_thigh_w * left_shank_z - left_thigh_x * left_shank_y
    + left_thigh_y * left_shank_x - left_thigh_z * left_shank_w AS left_knee_z,
    left_shank_w * left_foot_w + left_shank_x * left_foot_x
    + left_shank_y * left_foot_y + left_shank_z * left_foot_z AS left_ankle_w,
    left_shank_w * left_foot_x - left_shank_x * left_foot_w
    - left_shank_y * left_foot_z + left_shank_z * left_foot_y AS left_ankle_x,
    left_shank_w * left_foot_y + left_shank_x * left_foot_z
    - left_shank_y * left_foot_w - left_shank_z * left_foot_x AS left_ankle_y,
    left_shank_w * left_foot_z - left_shank_x * left_foot_y
    + left_shank_y * left_foot_x - left_shank_z * left_foot_w AS left_ankle_z,
    trunk_w * left_arm_w + trunk_x * left_arm_x
    + trunk_y * left_arm_y + trunk_z * left_arm_z AS left_shoulder_w,
    trunk_w * left_arm_x - trunk_x * left_arm_w
    - trunk_y * left_arm_z + trunk_z * left_arm_y AS left_shoulder_x,
    trunk_w * left_arm_y + trunk_x * left_arm_z
    - trunk_y * left_arm_w - trunk_z * left_arm_x AS left_shoulder_y,
    trunk_w * left_arm_z - trunk_x * left_arm_y
    + trunk_y * left_arm_x - trunk_z * left_arm_w AS left_shoulder_z,
    left_arm_w * left_forearm_w + left_arm_x * left_forearm_x
    + left_arm_y * left_forearm_y + left_arm_z * left_forearm_z AS left_elbow_w,
    left_arm_w * left_forearm_x - left_arm_x * left_forearm_w
    - left_arm_y * left_forearm_z + left_arm_z * left_forearm_y AS left_elbow_x,
    left_arm_w * left_forearm_y + left_arm_x * left_forearm_z
    - left_arm_y * left_forearm_w - left_arm_z * left_forearm_x AS left_elbow_y,
    left_arm_w * left_forearm_z - left_arm_x * left_forearm_y
    + left_arm_y * left_forearm_x - left_arm_z * left_forearm_w AS left_elbow_z,
    lab_w * left_foot_w + lab_y * left_foot_y AS left_step_w,
    lab_w * left_foot_x - lab_y * left_foot_z AS left_step_x,
    lab_w * left_foot_y - lab_y * left_foot_w AS left_step_y,
    lab_w * left_foot_z + lab_y * left_foot_x AS left_step_z,
    pelvis_w * right_thigh_w + pelvis_x * right_thigh_x
    + pelvis_y * right_thigh_y + pelvis_z * right_thigh_z AS right_hip_w,
    pelvis_w * right_thigh_x - pelvis_x * right_thigh_w
    - pelvis_y * right_thigh_z + pelvis_z * right_thigh_y AS right_hip_x,
    pelvis_w * right_thigh_y + pelvis_x * right_thigh_z
    - pelvis_y * right_thigh_w - pelvis_z * right_thigh_x AS right_hip_y,
    pelvis_w * right_thigh_z - pelvis_x * right_thigh_y
    + pelvis_y * right_thigh_x - pelvis_z * right_thigh_w AS right_hip_z,
    right_thigh_w * right_shank_w + right_thigh_x * right_shank_x
    + right_thigh_y * right_shank_y + right_thigh_z * right_shank_z AS right_knee_w,
    right_thigh_w * right_shank_x - right_thigh_x * right_shank_w
    - right_thigh_y * right_shank_z + right_thigh_z * right_shank_y AS right_knee_x,
    right_thigh_w * right_shank_y + right_thigh_x * right_shank_z
    - right_thigh_y * right_shank_w - right_thigh_z * right_shank_x AS right_knee_y,
    right_thigh_w * right_shank_z - right_thigh_x * right_shank_y
    + right_thigh_y * right_shank_x - right_thigh_z * right_shank_w AS right_knee_z,
    right_shank_w * right_foot_w + right_shank_x * right_foot_x
    + right_shank_y * right_foot_y + right_shank_z * right_foot_z AS right_ankle_w,
    right_shank_w * right_foot_x - right_shank_x * right_foot_w
    - right_shank_y * right_foot_z + right_shank_z * right_foot_y AS right_ankle_x,
    right_shank_w * right_foot_y + right_shank_x * right_foot_z
    - right_shank_y * right_foot_w - right_shank_z * right_foot_x AS right_ankle_y,
    right_shank_w * right_foot_z - right_shank_x * right_foot_y
    + right_shank_y * right_foot_x - right_shank_z * right_foot_w AS right_ankle_z,
    trunk_w * right_arm_w + trunk_x * right_arm_x
    + trunk_y * right_arm_y + trunk_z * right_arm_z AS right_shoulder_w,
    trunk_w * right_arm_x - trunk_x * right_arm_w
    - trunk_y * right_arm_z + trunk_z * right_arm_y AS right_shoulder_x,
    trunk_w * right_arm_y + trunk_x * right_arm_z
    - trunk_y * right_arm_w - trunk_z * right_arm_x AS right_shoulder_y,
    trunk_w * right_arm_z - trunk_x * right_arm_y
    + trunk_y * right_arm_x - trunk_z * right_arm_w AS right_shoulder_z,
    right_arm_w * right_forearm_w + right_arm_x * right_forearm_x
    + right_arm_y * right_forearm_y + right_arm_z * right_forearm_z AS right_elbow_w,
    right_arm_w * right_forearm_x - right_arm_x * right_forearm_w
    - right_arm_y * right_forearm_z + right_arm_z * right_forearm_y AS right_elbow_x,
    right_arm_w * right_forearm_y + right_arm_x * right_forearm_z
    - right_arm_y * right_forearm_w - right_arm_z * right_forearm_x AS right_elbow_y,
    right_arm_w * right_forearm_z - right_arm_x * right_forearm_y
    + right_arm_y * right_forearm_x - right_arm_z * right_forearm_w AS right_elbow_z,
    lab_w * right_foot_w + lab_y * right_foot_y AS right_step_w,
    lab_w * right_foot_x - lab_y * right_foot_z AS right_step_x,
    lab_w * right_foot_y - lab_y * right_foot_w AS right_step_y,
    lab_w * right_foot_z + lab_y * right_foot_x AS right_step_z
FROM _segment_rotations
