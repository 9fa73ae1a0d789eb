/** The vendor's two ways to write an instant as text (rest-api reference §4). */

/** `2024-05-01 09:30:00 UTC`: databases, tables, jobs. */
export function timeT(instant: Date): string {
  return `${instant.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** `2024-05-01T09:30:00Z`: schedules, accounts, users. */
export function timeI(instant: Date): string {
  return `${instant.toISOString().slice(0, 19)}Z`
}
