/** Files of facts about the world that the operator supplies; paths by what is in them. */
export type ReferenceFiles = {
  /** MaxMind GeoIP2 or GeoLite2: City (or Country, or Enterprise). */
  ipCity?: string | undefined
  ipConnectionType?: string | undefined
  ipDomain?: string | undefined
  /** GeoJSON. */
  countries?: string | undefined
  /** CSV. */
  currencyRates?: string | undefined
}

/** Reads each file once in the life of the process; engines live for one query. */
export function readOnce<T>(what: string, read: (path: string) => T): (path: string) => T {
  const known = new Map<string, T>()
  return (path) => {
    let content = known.get(path)
    if (content === undefined) {
      try {
        content = read(path)
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException
        throw new Error(`The file of ${what} cannot be read: ${code ?? message}`, { cause: error })
      }
      known.set(path, content)
    }
    return content
  }
}
