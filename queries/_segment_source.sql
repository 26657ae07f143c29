-- One row: a frame of a person with the segment rotations that angles are taken from.
-- Inputs: landmarks, body_angles. SET VARIABLE angle_source = 'body' takes the rotations of the fitted body; trials and
-- persons without one then have none. Else they are those of landmarks.
-- noqa: disable=RF03
WITH choice AS (
    SELECT
        CASE coalesce(getvariable('angle_source'), 'landmarks')
            WHEN 'body' THEN true
            WHEN 'landmarks' THEN false
            ELSE error('angle_source is landmarks or body')
        END AS is_body
)

SELECT
    landmarks.* REPLACE (
        CASE WHEN is_body THEN body.pelvis_rotation ELSE landmarks.pelvis_rotation END AS pelvis_rotation,
        CASE WHEN is_body THEN body.pelvis_neutral_rotation ELSE landmarks.pelvis_neutral_rotation END
            AS pelvis_neutral_rotation,
        CASE WHEN is_body THEN body.pelvis_line_rotation ELSE landmarks.pelvis_line_rotation END
            AS pelvis_line_rotation,
        CASE WHEN is_body THEN body.trunk_rotation ELSE landmarks.trunk_rotation END AS trunk_rotation,
        CASE WHEN is_body THEN body.head_rotation ELSE landmarks.head_rotation END AS head_rotation,
        CASE WHEN is_body THEN body.left_thigh_rotation ELSE landmarks.left_thigh_rotation END AS left_thigh_rotation,
        CASE WHEN is_body THEN body.left_shank_rotation ELSE landmarks.left_shank_rotation END AS left_shank_rotation,
        CASE WHEN is_body THEN body.left_foot_rotation ELSE landmarks.left_foot_rotation END AS left_foot_rotation,
        CASE WHEN is_body THEN body.left_upper_arm_rotation ELSE landmarks.left_upper_arm_rotation END
            AS left_upper_arm_rotation,
        CASE WHEN is_body THEN body.left_forearm_rotation ELSE landmarks.left_forearm_rotation END
            AS left_forearm_rotation,
        CASE WHEN is_body THEN body.right_thigh_rotation ELSE landmarks.right_thigh_rotation END
            AS right_thigh_rotation,
        CASE WHEN is_body THEN body.right_shank_rotation ELSE landmarks.right_shank_rotation END
            AS right_shank_rotation,
        CASE WHEN is_body THEN body.right_foot_rotation ELSE landmarks.right_foot_rotation END AS right_foot_rotation,
        CASE WHEN is_body THEN body.right_upper_arm_rotation ELSE landmarks.right_upper_arm_rotation END
            AS right_upper_arm_rotation,
        CASE WHEN is_body THEN body.right_forearm_rotation ELSE landmarks.right_forearm_rotation END
            AS right_forearm_rotation,
        CASE WHEN is_body THEN body.left_thigh_line_rotation ELSE landmarks.left_thigh_line_rotation END
            AS left_thigh_line_rotation,
        CASE WHEN is_body THEN body.left_shank_line_rotation ELSE landmarks.left_shank_line_rotation END
            AS left_shank_line_rotation,
        CASE WHEN is_body THEN body.left_foot_line_rotation ELSE landmarks.left_foot_line_rotation END
            AS left_foot_line_rotation,
        CASE WHEN is_body THEN body.left_upper_arm_line_rotation ELSE landmarks.left_upper_arm_line_rotation END
            AS left_upper_arm_line_rotation,
        CASE WHEN is_body THEN body.left_forearm_line_rotation ELSE landmarks.left_forearm_line_rotation END
            AS left_forearm_line_rotation,
        CASE WHEN is_body THEN body.right_thigh_line_rotation ELSE landmarks.right_thigh_line_rotation END
            AS right_thigh_line_rotation,
        CASE WHEN is_body THEN body.right_shank_line_rotation ELSE landmarks.right_shank_line_rotation END
            AS right_shank_line_rotation,
        CASE WHEN is_body THEN body.right_foot_line_rotation ELSE landmarks.right_foot_line_rotation END
            AS right_foot_line_rotation,
        CASE WHEN is_body THEN body.right_upper_arm_line_rotation ELSE landmarks.right_upper_arm_line_rotation END
            AS right_upper_arm_line_rotation,
        CASE WHEN is_body THEN body.right_forearm_line_rotation ELSE landmarks.right_forearm_line_rotation END
            AS right_forearm_line_rotation
    )
FROM landmarks
CROSS JOIN choice
LEFT JOIN body_angles AS body
    ON
        getvariable('angle_source') = 'body'
        AND landmarks.subject = body.subject
        AND landmarks.session = body.session
        AND landmarks.trial = body.trial
        AND landmarks.person = body.person
        AND landmarks.frame = body.frame
