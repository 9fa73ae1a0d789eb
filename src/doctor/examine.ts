import { dataChecks } from './data.ts'
import { databaseChecks } from './database.ts'
import { machineChecks } from './machine.ts'
import { networkChecks } from './network.ts'
import { placeChecks } from './place.ts'
import { processChecks } from './processes.ts'
import { settingChecks } from './settings.ts'
import type { Check, Finding, World } from './types.ts'

/** Everything that is looked at, in this order: what others rest on comes first. */
export const CHECKS: readonly Check[] = [
  ...settingChecks,
  ...placeChecks,
  ...machineChecks,
  ...networkChecks,
  ...databaseChecks,
  ...processChecks,
  ...dataChecks,
]

export type Examined = { name: string; looks: string; findings: Finding[] }

/** Looks at everything; one check that fails does not keep the others from looking. */
export async function examine(world: World, checks: readonly Check[] = CHECKS): Promise<Examined[]> {
  const examined: Examined[] = []
  for (const { name, looks, look } of checks) {
    let findings: Finding[]
    try {
      findings = await look(world)
    } catch (cause) {
      findings = [
        {
          severity: 'unknown',
          message: `this could not be looked at: ${(cause as Error).message}`,
          means: 'Whether it is sound is not known.',
          advice: 'Ask as the user who runs Millrace, or as root.',
        },
      ]
    }
    examined.push({ name, looks, findings })
  }
  return examined
}

/** 0 sound · 1 something is not as it should be, or could not be looked at · 2 something does not work. */
export function verdictOf(examined: readonly Examined[]): 0 | 1 | 2 {
  const found = examined.flatMap(({ findings }) => findings)
  if (found.some(({ severity }) => severity === 'error')) return 2
  return found.length > 0 ? 1 : 0
}
