import { QueryError } from '../errors.ts'
import type { JavaScriptFunction } from '../functions/types.ts'
import { divide, modulo, multiply, readDecimal } from './decimals.ts'
import type { Shape } from './json-casts.ts'
import { jsonShape } from './json-shape.ts'
import * as read from './read-moments.ts'

/** A QueryError must travel through the engine as text: `NAME: message`. */
function carried(run: (...args: never[]) => unknown): (...args: unknown[]) => unknown {
  return (...args) => {
    try {
      return run(...(args as never[]))
    } catch (error) {
      if (error instanceof QueryError)
        throw new Error(`${error.errorName}: ${error.message}`, { cause: error })
      throw error
    }
  }
}

const DECIMAL = ['VARCHAR', 'VARCHAR', 'INTEGER', 'INTEGER']
const shapes = new Map<string, Shape>()

/** A statement has few types, its rows are many: each type's description is parsed once. */
function shapeOf(text: string): Shape {
  const known = shapes.get(text)
  if (known !== undefined) return known
  if (shapes.size > 1000) shapes.clear()
  const shape = JSON.parse(text) as Shape
  shapes.set(text, shape)
  return shape
}

function reader(
  name: string,
  parameters: string[],
  returns: string,
  run: (...args: never[]) => unknown,
): JavaScriptFunction {
  return { name, parameters, returns, pure: true, run: carried(run) }
}

/** What generated SQL calls besides the functions' own; the engine registers both lists. */
export const generatorFunctions: JavaScriptFunction[] = [
  reader('p_read_date', ['VARCHAR'], 'BIGINT', read.readDate),
  reader('p_read_timestamp', ['VARCHAR', 'INTEGER'], 'HUGEINT', read.readTimestamp),
  reader('p_read_zoned', ['VARCHAR', 'VARCHAR', 'INTEGER'], 'HUGEINT', read.readZoned),
  reader('p_zone_in', ['VARCHAR', 'VARCHAR'], 'VARCHAR', read.zoneIn),
  reader('p_read_time', ['VARCHAR', 'INTEGER'], 'BIGINT', read.readTimeOfDay),
  reader('p_read_zoned_time', ['VARCHAR', 'VARCHAR', 'INTEGER'], 'BIGINT', read.readZonedTime),
  reader('p_offset_in', ['VARCHAR', 'VARCHAR'], 'VARCHAR', read.offsetIn),
  reader('p_read_decimal', ['VARCHAR', 'INTEGER', 'INTEGER'], 'VARCHAR', readDecimal),
  { name: 'p_decimal_divide', parameters: DECIMAL, returns: 'VARCHAR', pure: true, run: carried(divide) },
  { name: 'p_decimal_modulo', parameters: DECIMAL, returns: 'VARCHAR', pure: true, run: carried(modulo) },
  { name: 'p_decimal_multiply', parameters: DECIMAL, returns: 'VARCHAR', pure: true, run: carried(multiply) },
  {
    name: 'p_json_shape',
    parameters: ['VARCHAR', 'VARCHAR', 'VARCHAR'],
    returns: 'VARCHAR',
    pure: true,
    run: carried((json: string, type: string, shape: string) => jsonShape(json, type, shapeOf(shape))),
  },
]
