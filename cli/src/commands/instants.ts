import { usageError } from '../errors.ts'

/**
 * An instant as people write it: unix seconds, `2024-05-01`, `2024-05-01 09:30:00`, with a zone (`UTC`, `Z`, `+0900`) or
 * in the one of this machine, or `now`. Unix seconds. @throws usage (2)
 */
export function unixSeconds(text: string, now: Date): number {
  if (text === 'now') return Math.floor(now.getTime() / 1000)
  if (/^\d{1,12}$/.test(text)) return Number(text)
  const [, day, clock = '00:00:00', zone = ''] =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?))?\s*(Z|UTC|[+-]\d{2}:?\d{2})?$/i.exec(text.trim()) ??
    []
  const offset = /^(z|utc)$/i.test(zone) ? 'Z' : zone.replace(/^([+-]\d{2})(\d{2})$/, '$1:$2')
  const ms =
    day === undefined
      ? Number.NaN
      : Date.parse(`${day}T${clock.length === 5 ? `${clock}:00` : clock}${offset}`)
  if (Number.isFinite(ms)) return Math.floor(ms / 1000)
  throw usageError(`'${text}' is no time; write 2024-05-01, '2024-05-01 09:30 UTC', unix seconds or now`)
}
