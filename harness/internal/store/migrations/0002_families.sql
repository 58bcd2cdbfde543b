-- The model that the user asked for, of which a suite made this precision; '' in runs of before.

ALTER TABLE models ADD COLUMN family TEXT NOT NULL DEFAULT '';
