-- Macros over the numbers of cycles. Coefficient of variation, SD over mean, in %.
CREATE OR REPLACE MACRO _cv_pct(x) AS 100.0 * stddev_samp(x) / nullif(abs(avg(x)), 0);

-- Left against right, STRUCT(l, r): index (R - L) / (0.5 (R + L)) in %, ratio R / L, angle (45 - atan(L / R)) / 90 in %
-- (Zifchock et al. 2008, doi 10.1016/j.gaitpost.2007.08.006).
CREATE OR REPLACE MACRO _symmetry_index_pct(x) AS 200.0 * (x.r - x.l) / nullif(x.r + x.l, 0);
CREATE OR REPLACE MACRO _symmetry_ratio(x) AS x.r / nullif(x.l, 0);
CREATE OR REPLACE MACRO _symmetry_angle_pct(x) AS (45 - degrees(atan2(x.l, x.r))) / 90 * 100;
