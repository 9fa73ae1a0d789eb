/**
 * A benchmark's query as PostgreSQL spells it: its DESC begins with NULLs and its double has another name. Whatever goes beyond that has
 * a file of its own, `NAME.postgres.sql`.
 */
export function postgresText(sql: string): string {
  return sql
    .replace(/\bDESC\b(?! NULLS)/g, 'DESC NULLS LAST')
    .replace(/\bAS double\b(?! precision)/g, 'AS double precision')
}
