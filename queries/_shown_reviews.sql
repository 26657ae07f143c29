-- One row: a decision of a reviewer that the views follow; none if the variable reviews is 'off'.
-- Inputs: reviews, _no_reviews. The relation is chosen by name before the query is planned, so that an unknown word is
-- an error in a lake without reviews too.
SELECT *
FROM query_table(
    CASE _reviews() WHEN 'off' THEN '_no_reviews' ELSE 'reviews' END
)
