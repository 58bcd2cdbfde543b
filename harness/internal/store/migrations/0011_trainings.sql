-- Trainings: what was planned, and every update, evaluation and event. A null number was not finite.

CREATE TABLE trainings (
	id        TEXT PRIMARY KEY,
	started   INTEGER NOT NULL,
	ended     INTEGER,
	status    TEXT NOT NULL CHECK (status IN ('running', 'interrupted', 'done', 'failed')),
	version   TEXT NOT NULL,
	command   TEXT NOT NULL,
	folder    TEXT NOT NULL,
	host      TEXT NOT NULL REFERENCES hosts (id),
	model     TEXT NOT NULL, -- an object
	plan      TEXT NOT NULL, -- an object
	data      TEXT NOT NULL,
	data_sha  TEXT NOT NULL,
	order_sha TEXT NOT NULL,
	updates   INTEGER NOT NULL,
	tokens    INTEGER NOT NULL,
	flops     REAL NOT NULL,
	facts     TEXT NOT NULL
) STRICT;

CREATE TABLE training_steps (
	training       TEXT NOT NULL REFERENCES trainings (id) ON DELETE CASCADE,
	attempt        INTEGER NOT NULL, -- recoveries before it
	updates        INTEGER NOT NULL, -- so far, with this one
	tokens         INTEGER NOT NULL,
	flops          REAL NOT NULL,
	documents      INTEGER NOT NULL,
	length         INTEGER NOT NULL,
	targets        INTEGER NOT NULL,
	loss           REAL,
	objective      REAL,
	rate           REAL NOT NULL,
	gradient_norm  REAL,
	gradient_norms TEXT NOT NULL, -- an object
	applied        INTEGER NOT NULL CHECK (applied IN (0, 1)),
	host           INTEGER NOT NULL,
	plugin         INTEGER NOT NULL,
	elapsed        INTEGER NOT NULL,
	PRIMARY KEY (training, attempt, updates)
) STRICT, WITHOUT ROWID;

CREATE TABLE training_evaluations (
	training TEXT NOT NULL REFERENCES trainings (id) ON DELETE CASCADE,
	attempt  INTEGER NOT NULL,
	updates  INTEGER NOT NULL,
	metric   TEXT NOT NULL,
	tokens   INTEGER NOT NULL,
	flops    REAL NOT NULL,
	value    REAL,
	unit     TEXT NOT NULL,
	host     INTEGER NOT NULL,
	elapsed  INTEGER NOT NULL,
	PRIMARY KEY (training, attempt, updates, metric)
) STRICT, WITHOUT ROWID;

CREATE TABLE training_events (
	key      INTEGER PRIMARY KEY,
	training TEXT NOT NULL REFERENCES trainings (id) ON DELETE CASCADE,
	attempt  INTEGER NOT NULL,
	updates  INTEGER NOT NULL,
	at       INTEGER NOT NULL,
	kind     TEXT NOT NULL,
	detail   TEXT NOT NULL,
	action   TEXT NOT NULL
) STRICT;

CREATE INDEX training_events_by_training ON training_events (training);
