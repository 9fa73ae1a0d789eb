-- breaking: no
-- Attempts that say nothing about a job, and so cost it no retry: given back by a worker that was drained or that needed this
-- database, or lost with their worker. A server of before counts them as retries, as it always did.
ALTER TABLE jobs
  ADD COLUMN given_back integer NOT NULL DEFAULT 0,
  ADD COLUMN workers_lost integer NOT NULL DEFAULT 0;

-- Claims take from each account in turn.
CREATE INDEX jobs_waiting ON jobs (account_id, priority DESC, due_at, id) WHERE status = 'queued';
