-- breaking: no
-- What jobs of SQL that write keep from each other, until their end: names and tables that they change after having looked at them.

-- `target` is 'name:<account>:<database>.<table>', 'table:<id>' or 'schema:<account>:<database>'. `table_id` is set where the job takes
-- rows out of the table: meanwhile nobody else retires its chunks. A row counts as long as that attempt of the job runs.
CREATE TABLE write_locks (
  job_id     bigint NOT NULL,
  attempt    integer NOT NULL,
  target     text NOT NULL,
  table_id   bigint,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (job_id, target)
);
CREATE INDEX write_locks_target ON write_locks (target);
CREATE INDEX write_locks_table ON write_locks (table_id) WHERE table_id IS NOT NULL;
