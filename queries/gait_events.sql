-- One row: a foot strike or foot off, computed ('computed'), from a force platform ('force') or from the source file
-- ('file').
-- Inputs: _foot_motion, _all_events, _events (see there). Seconds on the trial's clock; spread_ms in ms.
WITH motion AS MATERIALIZED (
    SELECT * FROM _foot_motion
)

SELECT *
FROM _all_events('motion')
