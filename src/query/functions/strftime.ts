import type { Element } from './date-patterns.ts'

/** DuckDB's strftime pattern for the elements, undefined when one of them has no equal there. */
export function strftimePattern(elements: readonly Element[]): string | undefined {
  let pattern = ''
  for (const element of elements) {
    const code = strftimeCode(element)
    if (code === undefined) return undefined
    pattern += code
  }
  return pattern
}

/** By field and number of digits. */
const NUMBERS: Record<string, string> = {
  'year 4': '%Y',
  'year 1': '%Y',
  'yearOfEra 4': '%Y',
  'weekYear 4': '%G',
  'month 2': '%m',
  'month 1': '%-m',
  'day 2': '%d',
  'day 1': '%-d',
  'dayOfYear 3': '%j',
  'hour 2': '%H',
  'hour 1': '%-H',
  'hour12 2': '%I',
  'hour12 1': '%-I',
  'minute 2': '%M',
  'minute 1': '%-M',
  'second 2': '%S',
  'second 1': '%-S',
  'week 2': '%V',
}

function strftimeCode(element: Element): string | undefined {
  switch (element.kind) {
    case 'text':
      return element.text.replaceAll('%', '%%')
    case 'number':
      return element.american === true ? undefined : NUMBERS[`${element.field} ${element.digits}`]
    case 'shortYear':
      return element.field === 'year' ? '%y' : undefined
    case 'month':
      return element.long ? '%B' : '%b'
    case 'weekday':
      return element.long ? '%A' : '%a'
    case 'half':
      return '%p'
    case 'fraction':
      return { 3: '%g', 6: element.asMillis ? undefined : '%f' }[element.digits]
    default:
      return undefined
  }
}
