-- breaking: no
-- A dropped table whose rows have begun to go cannot be restored any more, however long the window is made afterwards.
ALTER TABLE tables ADD COLUMN rows_ended_at timestamptz;
