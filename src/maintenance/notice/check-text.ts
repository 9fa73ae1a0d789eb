import { offsetsOfLabel } from './zone-labels.ts'

/**
 * Reads a finished notice as a reader would and says what in it cannot be true. Our own notices are made of one plan and pass; texts
 * written by hand are checked before they are published.
 */
export function checkNoticeText(text: string, componentNames: readonly string[]): string[] {
  return [...contradictingClocks(text), ...unnamedTimes(text), ...silentComponents(text, componentNames)]
}

type Said = { time: string; label: string; utcMinutes: number[]; line: number }

/** `18:15 PST / 10:15 JST`: two times of one line that are meant to be one instant, and are not. */
function contradictingClocks(text: string): string[] {
  return text.split('\n').flatMap((line, i) => {
    const times = timesIn(line, i)
    return times.slice(1).flatMap((second, at) => {
      const first = times[at]!
      if (first.label === second.label) return []
      if (first.utcMinutes.some((minutes) => second.utcMinutes.includes(minutes))) return []
      const meant = clock(first.utcMinutes[0]! + offsetsOfLabel(second.label)[0]!)
      return [
        `${first.time} ${first.label} is ${meant} ${second.label}, the text says ${second.time} ${second.label}`,
      ]
    })
  })
}

function timesIn(line: string, number: number): Said[] {
  return [...line.matchAll(/\b(\d{1,2}):(\d{2})(?:\s*([ap])\.?m\.?)?\s*([A-Z]{2,5})\b/gi)].flatMap(
    ([, hour, minute, half, label]) => {
      const offsets = offsetsOfLabel(label!.toUpperCase())
      if (offsets.length === 0) return []
      const hours = (Number(hour) % (half === undefined ? 24 : 12)) + (half?.toLowerCase() === 'p' ? 12 : 0)
      const local = hours * 60 + Number(minute)
      return [
        {
          time: clock(local),
          label: label!.toUpperCase(),
          utcMinutes: offsets.map((offset) => within(local - offset)),
          line: number,
        },
      ]
    },
  )
}

/** A window and a start that differ must both be named, or nobody knows which is which. */
function unnamedTimes(text: string): string[] {
  const window = /\b(\d{1,2}:\d{2})\s*(?:[ap]m)?\s*[-–]\s*\d{1,2}:\d{2}/i.exec(text)
  const start = /\b(?:start(?:s|ing)?|begin(?:s|ning)?)[^\n]{0,60}?(\d{1,2}:\d{2})/i.exec(text)
  if (window === null || start === null || window[1] === start[1]) return []
  if (/\bwindow\b/i.test(text)) return []
  return [
    `the window begins at ${window[1]} and something starts at ${start[1]}; the text does not say what is what`,
  ]
}

/** Components in the list of affected ones of which nothing else is said. */
function silentComponents(text: string, names: readonly string[]): string[] {
  const [, listed = ''] = /affected components?:?([\s\S]*?)(?:\n\s*\n|$)/i.exec(text) ?? []
  const rest = text.replace(listed, '')
  return names
    .filter((name) => listed.includes(name) && !rest.includes(name))
    .map((name) => `${name} is listed as affected and no impact is given for it`)
}

function within(minutes: number): number {
  return ((minutes % 1440) + 1440) % 1440
}

function clock(minutes: number): string {
  const time = within(minutes)
  return `${String(Math.floor(time / 60)).padStart(2, '0')}:${String(time % 60).padStart(2, '0')}`
}
