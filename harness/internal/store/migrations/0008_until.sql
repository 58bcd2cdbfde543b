ALTER TABLE runs ADD COLUMN until TEXT NOT NULL DEFAULT ''; -- rule that adds blocks; '': the plan fixes their number
