/**
 * error: data is missing or wrong. warning: something is not as it should be, no data is in danger. note: worth knowing.
 * `mend`: what the command offers, shown behind each finding.
 */
type Row = { severity: 'error' | 'warning' | 'note'; mend?: string }

export const FINDINGS = {
  chunk_missing: {
    severity: 'error',
    mend: '--forget-missing gives its rows up, so that queries work again',
  },
  chunk_cut: { severity: 'error' },
  chunk_damaged: { severity: 'error' },
  chunk_differs: { severity: 'error' },
  chunk_of_no_table: { severity: 'warning' },
  set_aside: { severity: 'note' },
  result_missing: { severity: 'error', mend: '--forget-missing makes it an expired result' },
  result_cut: { severity: 'error' },
  part_missing: { severity: 'error' },
  output_missing: { severity: 'error' },
  column_invalid: { severity: 'error' },
  orphan: { severity: 'warning', mend: '--mend removes it' },
  orphan_young: { severity: 'note' },
  foreign_file: { severity: 'warning' },
  ids_of_no_table: { severity: 'note' },
  jobs_without_partition: { severity: 'note' },
  spool_silent: { severity: 'note' },
} as const satisfies Record<string, Row>

export type FindingKind = keyof typeof FINDINGS
export type Finding = {
  kind: FindingKind
  severity: Row['severity']
  /** A path in the object store, or what else it is about. */
  subject: string
  message: string
  /** What would be done about it, or that it was. */
  mend?: string
  mended?: true
}

/** Findings beyond so many are counted only. */
export const MOST_LISTED = 5_000

export type Findings = {
  add(kind: FindingKind, subject: string, message: string, options?: { mended?: boolean }): void
  listed: Finding[]
  /** All of them, the mended ones apart. */
  counts: { error: number; warning: number; note: number; mended: number }
}

export function collectFindings(): Findings {
  const listed: Finding[] = []
  const counts = { error: 0, warning: 0, note: 0, mended: 0 }
  return {
    listed,
    counts,
    add(kind, subject, message, { mended = false } = {}) {
      const { severity, mend }: Row = FINDINGS[kind]
      counts[mended ? 'mended' : severity]++
      if (listed.length >= MOST_LISTED) return
      listed.push({
        kind,
        severity,
        subject,
        message,
        ...(mended ? { mended } : mend === undefined ? {} : { mend }),
      })
    },
  }
}
