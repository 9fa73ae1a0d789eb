import { fault } from './errors-in-engine.ts'

/** Colours as texts: `red` of the terminal's own, or `#rrggbb`. */

const NAMES = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white']
const RESET = '\u001b[0m'

const bad = (message: string): Error => fault('INVALID_FUNCTION_ARGUMENT', message)

/** A name, or `#rgb` with one digit for each. */
export function readColor(text: string): string {
  if (NAMES.includes(text.toLowerCase())) return text.toLowerCase()
  const digits = /^#([0-9a-fA-F]{3})$/.exec(text)?.[1]
  if (digits === undefined) throw bad(`Invalid color: '${text}'`)
  return `#${[...digits.toLowerCase()].map((digit) => digit + digit).join('')}`
}

type Rgb = [red: number, green: number, blue: number]

function rgbOf(color: string): Rgb | undefined {
  if (!color.startsWith('#')) return undefined
  return [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16)) as Rgb
}

/** The colour so far between two, by hue, saturation and brightness. */
export function between(fraction: number, low: string, high: string): string {
  const from = rgbOf(low)
  const to = rgbOf(high)
  if (from === undefined) throw bad('lowColor not a valid RGB color')
  if (to === undefined) throw bad('highColor not a valid RGB color')
  const mixed = mix(Math.min(1, Math.max(0, fraction)), from, to)
  return `#${mixed.map((part) => part.toString(16).padStart(2, '0')).join('')}`
}

function mix(fraction: number, low: Rgb, high: Rgb): Rgb {
  const from = hsbOf(low)
  const to = hsbOf(high)
  const [hue, saturation, brightness] = from.map((part, i) => part + fraction * (to[i]! - part))
  return rgbFrom(hue!, saturation!, brightness!)
}

/** Each from 0 to 1. */
function hsbOf([red, green, blue]: Rgb): [number, number, number] {
  const most = Math.max(red, green, blue)
  const spread = most - Math.min(red, green, blue)
  if (spread === 0) return [0, 0, most / 255]
  const sixth =
    most === red
      ? (green - blue) / spread
      : most === green
        ? 2 + (blue - red) / spread
        : 4 + (red - green) / spread
  return [(sixth < 0 ? sixth + 6 : sixth) / 6, spread / most, most / 255]
}

function rgbFrom(hue: number, saturation: number, brightness: number): Rgb {
  const part = (offset: number): number => {
    const place = (offset + hue * 6) % 6
    const share = Math.max(0, Math.min(place, 4 - place, 1))
    return Math.floor(brightness * (1 - saturation * share) * 255 + 0.5)
  }
  return [part(5), part(3), part(1)]
}

/** The terminal's escape that begins the colour: of its own eight, or the nearest of its 6 × 6 × 6. */
function begin(color: string): string {
  const rgb = rgbOf(color)
  const steps = rgb?.map((part) => Math.floor((part * 6) / 256))
  const code = steps === undefined ? NAMES.indexOf(color) : 16 + steps[0]! * 36 + steps[1]! * 6 + steps[2]!
  return `\u001b[38;5;${code}m`
}

export const render = (text: string, color: string): string => `${begin(color)}${text}${RESET}`

/** A bar of `length` characters, filled from the left. */
export function bar(share: number, length: bigint, low: string, high: string): string {
  if (rgbOf(low) === undefined || rgbOf(high) === undefined) throw bad('color is not a valid rgb value')
  const size = Number(length)
  const filled = Math.floor(Math.min(1, Math.max(0, share)) * size)
  let text = ''
  for (let i = 0; i < filled; i++) text += `${begin(between(size > 1 ? i / (size - 1) : 0, low, high))}█`
  return `${text}${RESET}${' '.repeat(Math.max(0, size - filled))}`
}
