const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** `187 B`, `12.3 MB`: decimal units, as storage is sold. */
export function bytesText(bytes: number): string {
  let unit = 0
  let value = bytes
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${UNITS[unit]}`
}
