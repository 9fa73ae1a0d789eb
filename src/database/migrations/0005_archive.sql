-- breaking: no
-- The life of stored data: realtime chunks are merged into archive chunks, retired ones removed after their last reader.

-- How far up a chunk has been carried: 0 hour, 1 day, 2 32 days, 3 1,024 days, 4 everything; 9 = settled, never merged again.
ALTER TABLE chunks ADD COLUMN merge_level smallint NOT NULL DEFAULT 0;
CREATE INDEX chunks_unsettled ON chunks (table_id) WHERE retired_at IS NULL AND merge_level < 9;

-- The level a chunk is merged at: that of the smallest aligned span which holds all its times, or where it was carried to.
CREATE FUNCTION merge_level_of(carried smallint, times int8range) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
  SELECT greatest(carried, CASE
    WHEN floor(lower(times)::float8 / 3600) = floor((upper(times) - 1)::float8 / 3600) THEN 0::smallint
    WHEN floor(lower(times)::float8 / 86400) = floor((upper(times) - 1)::float8 / 86400) THEN 1::smallint
    WHEN floor(lower(times)::float8 / 2764800) = floor((upper(times) - 1)::float8 / 2764800) THEN 2::smallint
    WHEN floor(lower(times)::float8 / 88473600) = floor((upper(times) - 1)::float8 / 88473600) THEN 3::smallint
    ELSE 4::smallint END)
$$;

-- Where the span of that level begins in which a time lies; 0 for everything.
CREATE FUNCTION merge_start_of(level smallint, at bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE level
    WHEN 0 THEN floor(at::float8 / 3600)::bigint * 3600
    WHEN 1 THEN floor(at::float8 / 86400)::bigint * 86400
    WHEN 2 THEN floor(at::float8 / 2764800)::bigint * 2764800
    WHEN 3 THEN floor(at::float8 / 88473600)::bigint * 88473600
    ELSE 0 END
$$;

-- Who merges which span of a table. `attempt` fences: it names the files and must be there at the commit. `beats` is a
-- counter its owner advances; another takes over a claim that it saw standing still.
CREATE SEQUENCE merge_attempts;
CREATE TABLE merge_claims (
  table_id   bigint NOT NULL,
  level      smallint NOT NULL,
  start      bigint NOT NULL,
  owner      text NOT NULL,
  attempt    bigint NOT NULL UNIQUE,
  beats      bigint NOT NULL DEFAULT 0,
  claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (table_id, level, start)
);

-- Times of a table that a job is rewriting: as long as that attempt runs, nobody else retires chunks that reach into them.
CREATE TABLE chunk_holds (
  job_id     bigint PRIMARY KEY,
  attempt    integer NOT NULL,
  table_id   bigint NOT NULL,
  time_range int8range NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX chunk_holds_table ON chunk_holds (table_id);

CREATE INDEX tables_removed ON tables (removed_at) WHERE removed_at IS NOT NULL;
CREATE INDEX tables_expiring ON tables (id) WHERE expire_days IS NOT NULL AND removed_at IS NULL;
