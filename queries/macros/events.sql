-- Of the steps, STRUCT(side, event, time_s)[], the sides of those that have an event of the same kind at the same time.
CREATE OR REPLACE MACRO _sides_at(steps, mark) AS list_transform(
    list_filter(steps, LAMBDA s: s.event = mark.event AND abs(mark.time_s - s.time_s) <= _same_event_s()),
    LAMBDA s: s.side
);
-- The other side.
CREATE OR REPLACE MACRO _other_side(side) AS CASE side WHEN 'left' THEN 'right' ELSE 'left' END;
