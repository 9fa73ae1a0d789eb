-- breaking: no
-- When a slot may start is its time and the delay of the schedule. Kept by a trigger, so that a server of before keeps it too: looking for
-- what is due then costs what is due, however many schedules wait out a delay.
ALTER TABLE schedules
  ADD COLUMN start_time timestamptz,
  -- When the job of the slot before was allowed to start: the next one is not let in before it.
  ADD COLUMN last_due_at timestamptz;

CREATE FUNCTION set_start_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.start_time := NEW.next_time + make_interval(secs => NEW.delay_seconds);
  RETURN NEW;
END $$;
CREATE TRIGGER set_start_time BEFORE INSERT OR UPDATE OF next_time, delay_seconds ON schedules
  FOR EACH ROW EXECUTE FUNCTION set_start_time();
UPDATE schedules SET next_time = next_time WHERE next_time IS NOT NULL;

CREATE INDEX schedules_starts ON schedules (start_time, id) WHERE removed_at IS NULL AND start_time IS NOT NULL;
-- Old records of runs are removed by age.
CREATE INDEX schedule_runs_age ON schedule_runs (created_at);
