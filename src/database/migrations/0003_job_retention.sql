-- breaking: no
-- History ends by dropping a partition whole. Refuses one that holds a job younger than the cutoff, or one not finished.

CREATE FUNCTION drop_job_partition(number bigint, cutoff timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  name text := 'jobs_' || number;
  kept boolean;
BEGIN
  EXECUTE format('LOCK TABLE %I IN SHARE MODE', name);
  EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE updated_at >= $1 OR status IN (''queued'', ''booting'', ''running''))', name)
    INTO kept USING cutoff;
  IF kept THEN
    RETURN false;
  END IF;
  EXECUTE format('ALTER TABLE jobs DETACH PARTITION %I', name);
  EXECUTE format('DROP TABLE %I', name);
  RETURN true;
END $$;

CREATE INDEX job_results_age ON job_results (created_at);
CREATE INDEX domain_keys_age ON domain_keys (created_at);
