-- Macros over the numbers of cycles. Coefficient of variation, SD over mean, in %.
CREATE OR REPLACE MACRO _cv_pct(x) AS 100.0 * stddev_samp(x) / nullif(abs(avg(x)), 0);

-- Left against right, STRUCT(l, r): index (R - L) / (0.5 (R + L)) in %, ratio R / L, angle (45 - atan(L / R)) / 90 in %
-- (Zifchock et al. 2008, doi 10.1016/j.gaitpost.2007.08.006). NULL where the mean of both sides (for the ratio either
-- side) is smaller than least: such an index is large whatever the gait.
CREATE OR REPLACE MACRO _is_near_zero(x, least) AS coalesce(abs(x.r + x.l) / 2 < least, false);
CREATE OR REPLACE MACRO _has_no_ratio(x, least) AS coalesce(least(abs(x.r), abs(x.l)) < least, false);
CREATE OR REPLACE MACRO _symmetry_index_pct(x, least) AS
CASE WHEN NOT _is_near_zero(x, least) THEN 200.0 * (x.r - x.l) / (x.r + x.l) END;
CREATE OR REPLACE MACRO _symmetry_ratio(x, least) AS CASE WHEN NOT _has_no_ratio(x, least) THEN x.r / x.l END;
CREATE OR REPLACE MACRO _symmetry_angle_pct(x, least) AS
CASE WHEN NOT _is_near_zero(x, least) THEN (45 - degrees(atan2(x.l, x.r))) / 90 * 100 END;
CREATE OR REPLACE MACRO _symmetry_reason(x, least, what, unit) AS
CASE
    WHEN _is_near_zero(x, least) THEN what || ': the mean of both sides is below ' || least::VARCHAR || unit
    WHEN _has_no_ratio(x, least) THEN what || ': no ratio, one side is below ' || least::VARCHAR || unit
END;
