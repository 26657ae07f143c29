-- One row: a foot strike or foot off, computed (source 'computed') or as the source file states it (source 'file').
-- Inputs: _foot_motion, _events (which says how). Seconds on the trial's clock; spread_ms in ms.
WITH motion AS MATERIALIZED (
    SELECT * FROM _foot_motion
)

SELECT *
FROM _events('motion')
