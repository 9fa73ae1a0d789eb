/** The package brings no types. What is not recognised is the text `UNKNOWN`. */
declare module 'woothee' {
  export type Parsed = {
    name: string
    vendor: string
    version: string
    category: string
    os: string
    os_version: string
  }
  const woothee: { parse(userAgent: string): Parsed; is_crawler(userAgent: string): boolean }
  export default woothee
}
