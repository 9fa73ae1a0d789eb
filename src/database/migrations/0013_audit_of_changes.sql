-- breaking: no
-- Who changed what, with what key, from what to what. Lines are only added: nothing changes one, and only `sweep_audit_log` removes
-- those that are old.
ALTER TABLE audit_log ADD COLUMN user_email text;
-- The beginning of the API key; NULL for a console session and for what a job did.
ALTER TABLE audit_log ADD COLUMN key_prefix text;
ALTER TABLE audit_log ADD COLUMN before jsonb;
ALTER TABLE audit_log ADD COLUMN after jsonb;
-- A change that is refused or rolled back has no line, with one exception: `refused` is what somebody was not allowed to do.
ALTER TABLE audit_log ADD COLUMN result text NOT NULL DEFAULT 'done' CHECK (result IN ('done', 'refused'));
CREATE INDEX audit_log_age ON audit_log (at);

CREATE FUNCTION keep_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('millrace.sweeps_audit_log', true) = 'on'
     AND OLD.at < clock_timestamp() - interval '30 days' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'the audit log is only added to' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER keep_lines BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION keep_audit_log();
CREATE TRIGGER keep_table BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION keep_audit_log();

-- Removes up to `most` lines that are older than that; returns how many.
CREATE FUNCTION sweep_audit_log(cutoff timestamptz, most integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  removed bigint;
BEGIN
  PERFORM set_config('millrace.sweeps_audit_log', 'on', true);
  DELETE FROM audit_log WHERE id IN (
    SELECT id FROM audit_log WHERE at < cutoff AND at < clock_timestamp() - interval '30 days' ORDER BY at LIMIT most);
  GET DIAGNOSTICS removed = ROW_COUNT;
  PERFORM set_config('millrace.sweeps_audit_log', 'off', true);
  RETURN removed;
END $$;
