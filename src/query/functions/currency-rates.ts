import { readFileSync } from 'node:fs'
import { readOnce } from './reference-files.ts'
import { doubleText } from './text.ts'

/**
 * Daily rates: lines `date,currency,rate`, the rate being what one unit of a base currency is worth, as the ECB publishes them;
 * the base itself has a line with rate 1. A day without a rate has that of the day before.
 */
type Rates = Map<string, { date: string; rate: number }[]>

const ratesAt = readOnce('currency rates', (path): Rates => {
  const rates: Rates = new Map()
  for (const [i, line] of readFileSync(path, 'utf8').split(/\r?\n/).entries()) {
    if (line.trim() === '' || (i === 0 && /^date\b/i.test(line))) continue
    const found = /^(\d{4}-\d{2}-\d{2}),([A-Za-z]{3}),(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)$/.exec(line.trim())
    if (found === null) throw new SyntaxError(`line ${i + 1} is not date,currency,rate: ${line}`)
    const currency = found[2]!.toUpperCase()
    const known = rates.get(currency) ?? []
    known.push({ date: found[1]!, rate: Number(found[3]) })
    rates.set(currency, known)
  }
  for (const list of rates.values()) list.sort((a, b) => (a.date < b.date ? -1 : 1))
  return rates
})

function rateOn(rates: Rates, currency: string, date: string): number | undefined {
  return rates.get(currency.trim().toUpperCase())?.findLast((entry) => entry.date <= date)?.rate
}

/** The value in the other currency as text; null when a rate is not known or the date is none. */
export function convert(date: string, from: string, to: string, value: number, path: string): string | null {
  const day = /^\s*(\d{4}-\d{2}-\d{2})/.exec(date)?.[1]
  if (day === undefined) return null
  const rates = ratesAt(path)
  const fromRate = rateOn(rates, from, day)
  const toRate = rateOn(rates, to, day)
  return fromRate === undefined || toRate === undefined ? null : doubleText((value / fromRate) * toRate)
}
