/**
 * Names of queries, `yyyyMMdd_HHmmss_NNNNN_xxxxx` as clients of Presto expect them (trinodb/trino QueryIdGenerator.java). The last two
 * parts are the number of the job: five decimal digits, then the rest in base 32. So a core that has been started again still
 * knows which job a client asks for.
 */

const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789'
const LOW = 100_000n

export function queryIdOf(jobId: bigint, at: Date): string {
  const [date, time] = at.toISOString().split('T') as [string, string]
  const low = String(jobId % LOW).padStart(5, '0')
  return `${date.replaceAll('-', '')}_${time.slice(0, 8).replaceAll(':', '')}_${low}_${base32(jobId / LOW).padStart(5, 'a')}`
}

/** undefined when it is not of that form. */
export function jobIdOf(queryId: string): bigint | undefined {
  const [, low, high] = /^\d{8}_\d{6}_(\d{5})_([a-km-np-z2-9]{5,10})$/.exec(queryId) ?? []
  if (low === undefined || high === undefined) return undefined
  return number32(high) * LOW + BigInt(low)
}

function base32(value: bigint): string {
  let text = ''
  for (let rest = value; rest > 0n; rest /= 32n) text = ALPHABET[Number(rest % 32n)] + text
  return text
}

function number32(text: string): bigint {
  let value = 0n
  for (const letter of text) value = value * 32n + BigInt(ALPHABET.indexOf(letter))
  return value
}
