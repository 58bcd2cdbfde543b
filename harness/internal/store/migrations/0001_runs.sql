-- What was planned, every raw sample, every failure. Times are nanoseconds, moments Unix nanoseconds, lists JSON.

CREATE TABLE hosts (
	id          TEXT PRIMARY KEY,
	fingerprint TEXT NOT NULL,
	facts       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
	id      TEXT PRIMARY KEY,
	started INTEGER NOT NULL,
	ended   INTEGER,
	status  TEXT NOT NULL CHECK (status IN ('running', 'interrupted', 'done')),
	version TEXT NOT NULL,
	command TEXT NOT NULL,
	seed    INTEGER NOT NULL,
	suites  TEXT NOT NULL,
	corpus  TEXT NOT NULL,
	facts   TEXT NOT NULL,
	host    TEXT NOT NULL REFERENCES hosts (id)
) STRICT;

CREATE TABLE models (
	run           TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
	name          TEXT NOT NULL,
	position      INTEGER NOT NULL,
	architecture  TEXT NOT NULL,
	mode          TEXT NOT NULL,
	checkpoint    TEXT NOT NULL,
	variant       TEXT NOT NULL,
	seed          INTEGER NOT NULL,
	precision     TEXT NOT NULL,
	head          TEXT NOT NULL,
	threads       INTEGER NOT NULL,
	options       TEXT NOT NULL,
	config        TEXT NOT NULL,
	weights_sha   TEXT NOT NULL,
	plugin_sha    TEXT NOT NULL,
	plugin_path   TEXT NOT NULL,
	kernels       TEXT NOT NULL,
	parameters    INTEGER NOT NULL,
	weight_bytes  INTEGER NOT NULL,
	context_limit INTEGER NOT NULL,
	trained_to    INTEGER NOT NULL,
	causal        INTEGER NOT NULL CHECK (causal IN (0, 1)),
	leaks_future  INTEGER NOT NULL CHECK (leaks_future IN (0, 1)),
	initialised   INTEGER NOT NULL CHECK (initialised IN (0, 1)),
	state_kind    TEXT NOT NULL,
	warnings      TEXT NOT NULL,
	PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE cells (
	key               INTEGER PRIMARY KEY,
	run               TEXT NOT NULL,
	id                TEXT NOT NULL,
	position          INTEGER NOT NULL,
	suite             TEXT NOT NULL,
	probe             TEXT NOT NULL,
	model             TEXT NOT NULL,
	point             TEXT NOT NULL,
	params            TEXT NOT NULL,
	repeats           INTEGER NOT NULL CHECK (repeats > 0),
	estimate          INTEGER NOT NULL,
	status            TEXT NOT NULL CHECK (status IN ('pending', 'ok', 'failed', 'n/a')),
	reason            TEXT NOT NULL,
	failure_class     TEXT NOT NULL,
	failure_message   TEXT NOT NULL,
	failure_stderr    TEXT NOT NULL,
	failure_reproduce TEXT NOT NULL,
	warnings          TEXT NOT NULL,
	UNIQUE (run, id),
	FOREIGN KEY (run, model) REFERENCES models (run, name) ON DELETE CASCADE,
	CHECK (status <> 'n/a' OR reason <> ''),
	CHECK (status <> 'failed' OR failure_class <> '')
) STRICT;

CREATE INDEX cells_by_id ON cells (id);

CREATE TABLE samples (
	cell     INTEGER NOT NULL REFERENCES cells (key) ON DELETE CASCADE,
	seq      INTEGER NOT NULL,
	metric   TEXT NOT NULL,
	label    TEXT NOT NULL,
	value    REAL NOT NULL,
	unit     TEXT NOT NULL,
	block    INTEGER NOT NULL,
	position INTEGER NOT NULL,
	host     INTEGER NOT NULL,
	plugin   INTEGER NOT NULL,
	PRIMARY KEY (cell, seq)
) STRICT, WITHOUT ROWID;
