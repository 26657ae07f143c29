-- One row: never; the columns are those of reviews.
-- Inputs: reviews.
SELECT *
FROM reviews
WHERE false
