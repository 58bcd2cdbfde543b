-- What a cell lacks and why is a list of its own; it was worded as a warning: "state n/a (no ability step)". A fact has a
-- value or a reason; the value was worded "n/a (reason)".

ALTER TABLE cells ADD COLUMN missing TEXT NOT NULL DEFAULT '[]'; -- of {"Metric", "Reason"}

CREATE TEMP TABLE subjects (subject TEXT PRIMARY KEY, metric TEXT NOT NULL);
INSERT INTO subjects VALUES
	('activations', 'activation_peak_bytes'), ('state', 'state_bytes'), ('state by formula', 'state_bytes_formula'),
	('process memory', 'process_peak_bytes'), ('counted values', 'flops_counted'), ('share of the ceiling', 'roofline_share'),
	('time between tokens', 'decode_step_seconds'), ('losses', 'stream_nll');

CREATE TEMP TABLE lacks AS
	SELECT c.key, w.id, w.value AS warning, substr(w.value, instr(w.value, ' n/a (') + 6) AS reason,
		CASE WHEN c.probe = 'stream' AND metric = 'process_peak_bytes' THEN 'stream_process_peak_bytes' ELSE metric END AS metric
	FROM cells AS c, json_each(c.warnings) AS w JOIN temp.subjects ON w.value LIKE subject || ' n/a (%)';

UPDATE cells SET
	missing = (SELECT json_group_array(json_object('Metric', metric, 'Reason', substr(reason, 1, length(reason) - 1)))
		FROM (SELECT * FROM temp.lacks WHERE key = cells.key ORDER BY id)),
	warnings = (SELECT json_group_array(value) FROM json_each(cells.warnings)
		WHERE value NOT IN (SELECT warning FROM temp.lacks WHERE key = cells.key))
	WHERE key IN (SELECT key FROM temp.lacks);

DROP TABLE temp.lacks;
DROP TABLE temp.subjects;

UPDATE hosts SET facts = (SELECT json_group_array(json(CASE WHEN json_extract(value, '$.Value') LIKE 'n/a (%)'
	THEN json_object('Name', json_extract(value, '$.Name'), 'Value', '', 'Reason', substr(json_extract(value, '$.Value'), 6, length(json_extract(value, '$.Value')) - 6))
	ELSE value END)) FROM json_each(hosts.facts)) WHERE facts LIKE '%n/a (%';

UPDATE runs SET facts = (SELECT json_group_array(json(CASE WHEN json_extract(value, '$.Value') LIKE 'n/a (%)'
	THEN json_object('Name', json_extract(value, '$.Name'), 'Value', '', 'Reason', substr(json_extract(value, '$.Value'), 6, length(json_extract(value, '$.Value')) - 6))
	ELSE value END)) FROM json_each(runs.facts)) WHERE facts LIKE '%n/a (%';
