import { spoolErrors } from './errors.ts'
import type { SpoolPosition } from './types.ts'

/** Before every record of every spool. */
export const SPOOL_START: SpoolPosition = { generation: 0, offset: 0 }

/** Negative when `a` comes before `b`, 0 when they are the same place. */
export function compareSpoolPositions(a: SpoolPosition, b: SpoolPosition): number {
  return a.generation - b.generation || a.offset - b.offset
}

/** `1795342228000:4096`: how spool_positions keeps it. */
export function spoolPositionText({ generation, offset }: SpoolPosition): string {
  return `${generation}:${offset}`
}

/** The reverse; empty text is the start. @throws spool_position_invalid */
export function parseSpoolPosition(text: string): SpoolPosition {
  if (text === '') return SPOOL_START
  const [, generation, offset] = /^(\d{1,15}):(\d{1,15})$/.exec(text) ?? []
  if (generation === undefined || offset === undefined) throw spoolErrors.spool_position_invalid(text)
  return { generation: Number(generation), offset: Number(offset) }
}
