-- A sample is made of several calls, which alternate with those of the other models.

ALTER TABLE cells ADD COLUMN rounds INTEGER NOT NULL DEFAULT 0; -- planned calls in a block; 0: one, of runs before
ALTER TABLE samples ADD COLUMN calls TEXT NOT NULL DEFAULT '[]'; -- list of their values
