-- One row: a gait cycle with its parameters.
-- Inputs: _measured_cycles, _spatiotemporal (see there). Definitions: docs/gait.md. Speeds, step and stride lengths
-- and width are NULL in root-relative poses (missing_reason says so); length_basis marks lengths that are nominal.
SELECT *
FROM _spatiotemporal('_measured_cycles')
