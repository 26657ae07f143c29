"""Forces and analog channels of a recording as rows of the lake; in comes a Recording, out go columns of tables."""
