import { instantTimestamp } from '../functions/index.ts'

const MOMENT =
  '\\s*[+-]?[0-9]{4,}-[0-9]{1,2}-[0-9]{1,2}([ T][0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\\.[0-9]{1,12})?)?)?'
/** DuckDB wants seconds where Presto takes `10:00`. */
const TO_MINUTE = '^\\s*[+-]?[0-9]{4,}-[0-9]{1,2}-[0-9]{1,2}[ T][0-9]{1,2}:[0-9]{1,2}$'

/** TIMESTAMP of a text without a zone; `error` is evaluated for any other text. */
export function timestampFromText(sql: string, error: string): string {
  const value = `coalesce(${readMoment(`trim(${sql})`)}, ${error})`
  return `CASE WHEN NOT regexp_full_match(${sql}, '${MOMENT}\\s*') THEN ${error} WHEN ${sql} IS NOT NULL THEN ${value} END`
}

function readMoment(sql: string): string {
  return `TRY_CAST(CASE WHEN regexp_matches(${sql}, '${TO_MINUTE}') THEN ${sql} || ':00' ELSE ${sql} END AS TIMESTAMP)`
}

/** TIMESTAMPTZ of a text with or without a zone behind it, which the session's zone then replaces. */
export function zonedFromText(sql: string, sessionZone: string, error: string): string {
  const zone = `trim(regexp_replace(${sql}, '^${MOMENT}', ''))`
  const local = readMoment(`trim(regexp_extract(${sql}, '^${MOMENT}'))`)
  const offset = `regexp_full_match(${zone}, '[+-][0-9]{2}:?[0-9]{2}')`
  const minutes = `CAST(left(${zone}, 1) || '1' AS INTEGER) * (CAST(substr(${zone}, 2, 2) AS INTEGER) * 60 + CAST(right(${zone}, 2) AS INTEGER))`
  return [
    `CASE WHEN NOT regexp_full_match(${sql}, '${MOMENT}(\\s*([+-][0-9]{2}:?[0-9]{2}|[A-Za-z][A-Za-z0-9_/+-]*))?\\s*') THEN ${error}`,
    `WHEN ${zone} = '' THEN ${instantTimestamp(local, sessionZone)}`,
    `WHEN ${offset} THEN timezone('UTC', ${local} - to_minutes(${minutes}))`,
    `WHEN upper(${zone}) IN ('Z', 'UTC', 'GMT') THEN timezone('UTC', ${local})`,
    `ELSE timezone(${zone}, ${local}) END`,
  ].join(' ')
}
