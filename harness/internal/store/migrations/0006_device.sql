ALTER TABLE models ADD COLUMN device TEXT NOT NULL DEFAULT ''; -- that the model computed on
