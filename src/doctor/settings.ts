import { type Check, error, type Finding, type World, warning } from './types.ts'

export const settingChecks: Check[] = [
  { name: 'settings', looks: 'whether every MILLRACE_… variable is known and well formed', look: settings },
]

/** Of tests and of scripts that start them. */
const NOT_OURS = /^MILLRACE_(?:TEST|FAULT|FUZZ)_/

function settings({ env, wanted, knownVariables }: World): Finding[] {
  const known = new Set(knownVariables)
  const unknown = Object.keys(env).filter(
    (name) => name.startsWith('MILLRACE_') && !known.has(name) && !NOT_OURS.test(name),
  )
  const findings = unknown.map((name) => {
    const near = nearest(name, knownVariables)
    return warning(
      `${name} is no setting${near === undefined ? '' : `; did you mean ${near}?`}`,
      'It has no effect: what it was to change is as it would be without it.',
      near === undefined
        ? 'Remove it; docs/reference/settings.md lists all there are.'
        : `Call it ${near}, or remove it.`,
    )
  })
  if ('fault' in wanted)
    findings.push(
      error(
        wanted.fault,
        'A start is refused.',
        'Mend it; docs/reference/settings.md says what is expected.',
      ),
    )
  return findings
}

function nearest(name: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((candidate) => ({ candidate, far: distance(name.toUpperCase(), candidate) }))
    .sort((a, b) => a.far - b.far)
  return best !== undefined && best.far <= Math.max(2, (name.length - 9) / 3) ? best.candidate : undefined
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    row = next
  }
  return row[b.length]!
}
