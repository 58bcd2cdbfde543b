-- The samples of an attempt are one row, so that a million of them are read in a fraction of a second.

CREATE TABLE attempts (
	cell    INTEGER NOT NULL REFERENCES cells (key) ON DELETE CASCADE,
	block   INTEGER NOT NULL,
	attempt INTEGER NOT NULL, -- 0: the first
	count   INTEGER NOT NULL CHECK (count > 0), -- of samples
	samples BLOB NOT NULL, -- in order of measurement, as pack.go writes them
	PRIMARY KEY (cell, block, attempt)
) STRICT, WITHOUT ROWID;

-- The program packs the rows of table samples, then drops it.
