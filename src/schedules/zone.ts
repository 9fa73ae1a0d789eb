import { findZone, type Zone } from '../kernel/index.ts'
import { scheduleErrors } from './errors.ts'

/** @throws schedule_invalid (422, final) for a name nobody knows */
export function openZone(name: string): Zone {
  const zone = findZone(name)
  if (zone === undefined) throw scheduleErrors.schedule_invalid(`Timezone '${name}' is not known`)
  return zone
}
