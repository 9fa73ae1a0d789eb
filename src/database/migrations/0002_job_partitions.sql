-- breaking: no
-- Partitions of jobs are made ahead by housekeeping. Rows that came meanwhile into the default partition move along.

CREATE FUNCTION create_job_partition(number bigint, first_id bigint, end_id bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  name text := 'jobs_' || number;
BEGIN
  EXECUTE format('CREATE TABLE %I (LIKE jobs INCLUDING ALL)', name);
  EXECUTE format('WITH moved AS (DELETE FROM jobs_rest WHERE id >= $1 AND id < $2 RETURNING *) INSERT INTO %I SELECT * FROM moved', name)
    USING first_id, end_id;
  EXECUTE format('ALTER TABLE jobs ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, first_id, end_id);
END $$;
