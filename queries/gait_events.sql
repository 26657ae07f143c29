-- One row: a foot strike or foot off, computed ('computed'), by a force platform ('force') or as the file states it
-- ('file').
-- Inputs: _foot_motion, _all_events and _events (which say how). Seconds on the trial's clock; spread_ms in ms.
WITH motion AS MATERIALIZED (
    SELECT * FROM _foot_motion
)

SELECT *
FROM _all_events('motion')
