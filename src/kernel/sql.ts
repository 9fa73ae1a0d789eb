/** Runs one statement; every `${value}` becomes a bind parameter, never text. */
export type Sql = <Row = Record<string, unknown>>(
  text: TemplateStringsArray,
  ...values: unknown[]
) => Promise<Row[]>

/** The text with `$1 …` in the places of the values: what a driver is given. */
export function numbered(text: TemplateStringsArray): string {
  return text.reduce((left, right, i) => `${left}$${i}${right}`)
}
