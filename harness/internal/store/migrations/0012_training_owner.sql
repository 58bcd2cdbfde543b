-- Who carries out a training, as in runs; '' if nobody does.

ALTER TABLE trainings ADD COLUMN owner TEXT NOT NULL DEFAULT '';
