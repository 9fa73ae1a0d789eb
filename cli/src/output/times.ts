/** Instants as the server writes them (`2024-05-01 09:30:00 UTC`, `2024-05-01T09:30:00Z`); undefined for none. */
export function instantOf(text: string | null | undefined): Date | undefined {
  if (text === null || text === undefined || text === '') return undefined
  const iso = text.replace(/^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})\s*/, '$1T$2').replace(/UTC$/, 'Z')
  const instant = new Date(iso)
  return Number.isNaN(instant.getTime()) ? undefined : instant
}

/** In the zone of this machine (TZ), as td shows it: `2024-05-01 18:30:00 +0900`; what is no instant as it stands. */
export function localTime(text: string | null | undefined): string {
  const instant = instantOf(text)
  return instant === undefined ? (text ?? '') : localText(instant)
}

export function localText(instant: Date): string {
  const two = (n: number) => String(n).padStart(2, '0')
  const offset = -instant.getTimezoneOffset()
  const [sign, size] = [offset < 0 ? '-' : '+', Math.abs(offset)]
  const day = `${String(instant.getFullYear()).padStart(4, '0')}-${two(instant.getMonth() + 1)}-${two(instant.getDate())}`
  const clock = `${two(instant.getHours())}:${two(instant.getMinutes())}:${two(instant.getSeconds())}`
  return `${day} ${clock} ${sign}${two(Math.floor(size / 60))}${two(size % 60)}`
}
