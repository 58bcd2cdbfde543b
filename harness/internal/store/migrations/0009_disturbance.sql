-- A block of a cell that something disturbed is repeated, and both attempts are kept.

CREATE TABLE new_samples (
	cell      INTEGER NOT NULL REFERENCES cells (key) ON DELETE CASCADE,
	block     INTEGER NOT NULL,
	attempt   INTEGER NOT NULL, -- 0: the first
	seq       INTEGER NOT NULL, -- in the attempt
	metric    TEXT NOT NULL,
	label     TEXT NOT NULL,
	value     REAL NOT NULL,
	unit      TEXT NOT NULL,
	position  INTEGER NOT NULL,
	host      INTEGER NOT NULL,
	plugin    INTEGER NOT NULL,
	calls     TEXT NOT NULL, -- list of their values
	dropped   INTEGER NOT NULL, -- calls at the start that were a warm-up
	disturbed TEXT NOT NULL, -- list of reasons
	readings  TEXT NOT NULL, -- of sensors, of {"Name", "Value", "Reason"}; with the first sample of an attempt
	PRIMARY KEY (cell, block, attempt, seq)
) STRICT, WITHOUT ROWID;

INSERT INTO new_samples SELECT cell, block, 0, seq, metric, label, value, unit, position, host, plugin, calls, 0, '[]', '[]' FROM samples;
DROP TABLE samples;
ALTER TABLE new_samples RENAME TO samples;
