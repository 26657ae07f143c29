-- One row: a gait cycle with its parameters.
-- Inputs: _cycles_judged, _spatiotemporal (which says how). Definitions: docs/gait.md. Speeds, step and stride
-- lengths and width are NULL in root-relative poses (missing_reason says so) and flagged by length_basis where
-- lengths are nominal.
SELECT *
FROM _spatiotemporal('_cycles_judged')
