-- What made tokens of the texts that a model read: blank where it read none, or where an older version did not tell.

ALTER TABLE models ADD COLUMN tokenizer_asked TEXT NOT NULL DEFAULT '';
ALTER TABLE models ADD COLUMN tokenizer_name TEXT NOT NULL DEFAULT '';
ALTER TABLE models ADD COLUMN tokenizer_sha TEXT NOT NULL DEFAULT '';
