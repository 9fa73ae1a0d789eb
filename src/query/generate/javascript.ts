import { QueryError } from '../errors.ts'
import type { JavaScriptFunction } from '../functions/types.ts'
import { divide, modulo, multiply } from './decimals.ts'
import type { Shape } from './json-casts.ts'
import { jsonShape } from './json-shape.ts'
import { zonedInstant } from './moment-casts.ts'

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

/** What generated SQL calls besides the functions' own; the engine registers both lists. */
export const generatorFunctions: JavaScriptFunction[] = [
  {
    name: 'p_zoned_instant',
    parameters: ['VARCHAR', 'VARCHAR'],
    returns: 'BIGINT',
    pure: true,
    run: carried(zonedInstant),
  },
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
