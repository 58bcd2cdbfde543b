-- A run belongs to the process that measures it, may fail as a whole, and holds each block of a cell once.

CREATE TABLE new_runs (
	id      TEXT PRIMARY KEY,
	started INTEGER NOT NULL,
	ended   INTEGER,
	status  TEXT NOT NULL CHECK (status IN ('running', 'interrupted', 'done', 'failed')),
	version TEXT NOT NULL,
	command TEXT NOT NULL,
	seed    INTEGER NOT NULL,
	suites  TEXT NOT NULL,
	corpus  TEXT NOT NULL,
	facts   TEXT NOT NULL,
	host    TEXT NOT NULL REFERENCES hosts (id),
	owner   TEXT NOT NULL -- the process that measures it, as JSON; '' for none
) STRICT;

CREATE TABLE new_samples (
	cell     INTEGER NOT NULL REFERENCES cells (key) ON DELETE CASCADE,
	block    INTEGER NOT NULL,
	seq      INTEGER NOT NULL, -- in the block
	metric   TEXT NOT NULL,
	label    TEXT NOT NULL,
	value    REAL NOT NULL,
	unit     TEXT NOT NULL,
	position INTEGER NOT NULL,
	host     INTEGER NOT NULL,
	plugin   INTEGER NOT NULL,
	PRIMARY KEY (cell, block, seq)
) STRICT, WITHOUT ROWID;

-- Two processes that resumed one run at the same time stored some blocks twice, one behind the other. Such a block has
-- every metric and label k times over, k > 1; its first k-th stays.
CREATE TEMP TABLE blocks AS
	WITH names AS (SELECT cell, block, metric, label, count(*) AS n FROM samples GROUP BY cell, block, metric, label),
		least AS (SELECT cell, block, min(n) AS k FROM names GROUP BY cell, block)
	SELECT cell, block, CASE WHEN max(n % k) = 0 THEN sum(n) / k ELSE sum(n) END AS keep, sum(n) AS found
	FROM names JOIN least USING (cell, block) GROUP BY cell, block;

INSERT INTO new_samples
	SELECT cell, block, place, metric, label, value, unit, position, host, plugin
	FROM (SELECT *, row_number() OVER (PARTITION BY cell, block ORDER BY seq) - 1 AS place FROM samples)
		JOIN temp.blocks USING (cell, block)
	WHERE place < keep;

INSERT INTO new_runs
	SELECT id, started, ended,
		CASE WHEN status = 'done' AND EXISTS (SELECT 1 FROM cells WHERE run = runs.id AND status = 'failed')
			AND NOT EXISTS (SELECT 1 FROM cells WHERE run = runs.id AND status = 'ok') THEN 'failed' ELSE status END,
		version, command, seed, suites, corpus,
		CASE WHEN twice > 0 THEN json_insert(facts, '$[#]', json_object('Name', 'samples stored twice',
			'Value', twice || ' left out: two processes measured this run at the same time')) ELSE facts END,
		host, ''
	FROM (SELECT *, (SELECT coalesce(sum(found - keep), 0) FROM temp.blocks JOIN cells ON key = cell WHERE run = r.id) AS twice
		FROM runs AS r) AS runs;

DROP TABLE temp.blocks;
DROP TABLE samples;
ALTER TABLE new_samples RENAME TO samples;
DROP TABLE runs;
ALTER TABLE new_runs RENAME TO runs;
