import { gzipSync } from 'node:zlib'
import { encode } from '@msgpack/msgpack'

export type PageView = {
  time: number
  visitor: string
  path: string
  referrer: string | null
  status: number
  milliseconds: number
}

const SECTIONS = ['item', 'search', 'cart', 'account', 'help', 'category']

/** Page views as a shop logs them; the same for the same seed. */
export function pageViews(count: number, seed: number): PageView[] {
  const below = random(seed)
  return Array.from({ length: count }, (_, i) => ({
    time: 1_795_300_000 + Math.floor(i / 200),
    visitor: below(1 << 30).toString(36) + below(1 << 30).toString(36),
    path: `/${SECTIONS[below(SECTIONS.length)]}/${below(20_000)}`,
    referrer: below(3) === 0 ? null : `https://www.example.com/${below(5000)}`,
    status: below(50) === 0 ? 404 : 200,
    milliseconds: below(400_000) / 1000,
  }))
}

export type Reading = { time: number; sensor: number; level: number }

/** What a river's gauges report, each every ten seconds; the same for the same seed. */
export function readings(count: number, seed: number): Reading[] {
  const below = random(seed)
  const levels = Array.from({ length: 100 }, () => 200 + below(400))
  return Array.from({ length: count }, (_, i) => {
    const sensor = i % levels.length
    levels[sensor]! += below(3) - 1
    return { time: 1_795_300_000 + 10 * Math.floor(i / levels.length), sensor, level: levels[sensor]! }
  })
}

/** Whole numbers from 0 up to a limit, evenly. */
function random(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

/** Bodies as fluentd sends them. */
export function msgpackBodies(rows: object[], rowsEach: number): Buffer[] {
  return batches(rows, rowsEach).map((batch) => gzipSync(Buffer.concat(batch.map((row) => encode(row)))))
}

/** Bodies for COPY … FROM STDIN, text format. */
export function copyBodies(rows: PageView[], rowsEach: number): Buffer[] {
  return batches(rows, rowsEach).map((batch) =>
    Buffer.from(
      batch
        .map(
          (r) =>
            `${r.time}\t${r.visitor}\t${r.path}\t${r.referrer ?? '\\N'}\t${r.status}\t${r.milliseconds}\n`,
        )
        .join(''),
    ),
  )
}

function batches<R>(rows: R[], rowsEach: number): R[][] {
  return Array.from({ length: Math.ceil(rows.length / rowsEach) }, (_, i) =>
    rows.slice(i * rowsEach, (i + 1) * rowsEach),
  )
}
