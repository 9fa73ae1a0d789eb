/**
 * Loaded into every Node process of a server under test (NODE_OPTIONS=--import): moves its wall clock by the milliseconds that stand in
 * the file MILLRACE_FAULT_CLOCK. Monotonic time goes on as it is, as when an operator or NTP steps a real clock.
 */
import { readFileSync } from 'node:fs'

const LOOK_EVERY_MS = 100
const path = process.env.MILLRACE_FAULT_CLOCK
const realNow = Date.now.bind(Date)
let offsetMs = 0
let lookedAtMs = Number.NEGATIVE_INFINITY

function steppedNow(): number {
  if (performance.now() - lookedAtMs > LOOK_EVERY_MS) {
    lookedAtMs = performance.now()
    offsetMs = readOffset()
  }
  return realNow() + offsetMs
}

function readOffset(): number {
  try {
    const found = Number(readFileSync(path!, 'utf8'))
    return Number.isFinite(found) ? found : offsetMs
  } catch (error) {
    // Not written yet, or just being replaced: the clock stays as it is.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return offsetMs
    throw error
  }
}

if (path !== undefined) {
  const Real = globalThis.Date
  Real.now = steppedNow
  globalThis.Date = new Proxy(Real, {
    construct: (target, words, newTarget) =>
      Reflect.construct(target, words.length === 0 ? [steppedNow()] : words, newTarget),
  })
}
