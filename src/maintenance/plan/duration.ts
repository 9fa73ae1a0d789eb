const UNITS = [
  ['W', 604_800_000],
  ['D', 86_400_000],
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1_000],
] as const
const FORM = /^\+?P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,3})?)S)?)?$/

/** ISO 8601 (`PT15M`, `P13D`, `+PT15M`) in milliseconds; undefined for anything else, months and years included: they have no fixed length. */
export function parseDuration(text: string): number | undefined {
  const match = FORM.exec(text)
  if (match === null || /[PT]$/.test(text)) return undefined
  return UNITS.reduce((sum, [, ms], i) => sum + Math.round(Number(match[i + 1] ?? 0) * ms), 0)
}

/** As people say it: `15 minutes`, `1 hour 30 minutes`, `13 days`. */
export function durationInWords(ms: number): string {
  const words = [
    ['day', Math.floor(ms / 86_400_000)],
    ['hour', Math.floor(ms / 3_600_000) % 24],
    ['minute', Math.floor(ms / 60_000) % 60],
    ['second', Math.round(ms / 1_000) % 60],
  ] as const
  const said = words.filter(([, n]) => n > 0).map(([word, n]) => `${n} ${word}${n === 1 ? '' : 's'}`)
  return said.length === 0 ? '0 seconds' : said.join(' ')
}
