import { usageError } from '../errors.ts'

const NAMES: Record<string, number> = { 'VERY LOW': -2, LOW: -1, NORMAL: 0, HIGH: 1, 'VERY HIGH': 2 }

/** `HIGH`, `very-low` or `-2` … `2`, as td takes it. @throws usage (2) */
export function priorityOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = NAMES[text.toUpperCase().replace(/[-_]/g, ' ')] ?? Number(text)
  if (Number.isInteger(value) && value >= -2 && value <= 2) return value
  throw usageError(`there is no priority '${text}': use -2 to 2, or VERY-LOW, LOW, NORMAL, HIGH, VERY-HIGH`)
}

export function priorityText(priority: number): string {
  return Object.keys(NAMES).find((name) => NAMES[name] === priority) ?? String(priority)
}
