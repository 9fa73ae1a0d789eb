import type { PrestoType } from '../../presto-type.ts'
import { typeText } from '../../presto-type.ts'
import { type CarriedErrorName, fault } from '../errors-in-engine.ts'
import type { DuckList } from '../text.ts'
import { castItem } from './cast.ts'
import { evaluatePath, PathFault } from './evaluate.ts'
import { InputFault, type Item, readJson, readPassed, writeJson } from './items.ts'
import { type Path, parsePath } from './syntax.ts'

/** JSON_EXISTS, JSON_VALUE, JSON_QUERY, JSON_OBJECT and JSON_ARRAY in the engine. */

/** What a fault is called when ERROR ON ERROR is asked for; otherwise the function's own answer stands for it. */
class Failure extends Error {
  readonly errorName: CarriedErrorName
  constructor(errorName: CarriedErrorName, message: string) {
    super(message)
    this.errorName = errorName
  }
}

type Call = { path: Path; names: string[] }
const calls = new Map<string, Call>()

/** `description` is JSON: the path's text and the names of what is passed to it. */
function callOf(description: string): Call {
  const known = calls.get(description)
  if (known !== undefined) return known
  const [text, names] = JSON.parse(description) as [string, string[]]
  const call = { path: parsePath(text), names }
  if (calls.size > 500) calls.clear()
  calls.set(description, call)
  return call
}

function find(input: string, description: string, passed: DuckList<string>): Item[] {
  const { path, names } = callOf(description)
  try {
    const root = readJson(input)
    const values = passed.items.map(readPassed)
    return evaluatePath(path, root, (name) => values[names.indexOf(name)])
  } catch (error) {
    if (error instanceof InputFault)
      throw new Failure('JSON_INPUT_CONVERSION_ERROR', 'conversion to JSON failed: ')
    if (error instanceof PathFault) throw new Failure('PATH_EVALUATION_ERROR', error.message)
    throw error
  }
}

/** The answer of `run`, or what ON ERROR says instead: a value of `answers`, or the fault itself for `error`. */
function guarded<T>(run: () => T, onError: string, answers: Record<string, T>): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    if (onError === 'error') throw fault(error.errorName, error.message)
    return answers[onError]!
  }
}

export const exists = (
  input: string,
  description: string,
  passed: DuckList<string>,
  onError: string,
): boolean | null =>
  guarded(() => find(input, description, passed).length > 0, onError, {
    true: true,
    false: false,
    unknown: null,
  })

const types = new Map<string, PrestoType>()

function typeOf(text: string): PrestoType {
  const known = types.get(text)
  if (known !== undefined) return known
  const type = JSON.parse(text) as PrestoType
  types.set(text, type)
  return type
}

const noScalar = (why: string): Failure =>
  new Failure('JSON_VALUE_RESULT_ERROR', `cannot extract SQL scalar from JSON: ${why}`)

/** What the path found as text for the wanted type; undefined: nothing. */
function scalar(items: Item[], typeJson: string): string | null | undefined {
  if (items.length === 0) return undefined
  if (items.length > 1) throw noScalar('JSON path found multiple items')
  const [item] = items as [Item]
  if (item.kind === 'null') return null
  if (item.kind === 'array' || item.kind === 'object' || (item.kind === 'number' && item.type === 'huge')) {
    throw noScalar('JSON path found an item that cannot be converted to an SQL value')
  }
  const type = typeOf(typeJson)
  const text = castItem(item, type)
  if (text !== undefined) return text
  const from = item.kind === 'text' ? 'varchar' : 'type' in item ? item.type : item.kind
  throw noScalar(
    `Cannot cast value of type ${from} to declared return type of function JSON_VALUE: ${typeText(type)}`,
  )
}

/** The value's text; NULL for JSON null and wherever a default stands, which the state names. */
export function value(
  input: string,
  description: string,
  passed: DuckList<string>,
  type: string,
  onEmpty: string,
  onError: string,
): string | null {
  return guarded(
    () => {
      const found = scalar(find(input, description, passed), type)
      if (found === undefined && onEmpty === 'error') throw fault(...NOTHING_FOUND)
      return found ?? null
    },
    onError,
    { null: null, default: null },
  )
}

const NOTHING_FOUND = [
  'JSON_VALUE_RESULT_ERROR',
  'cannot extract SQL scalar from JSON: JSON path found no items',
] as const

/** Which default takes the value's place: `empty`, `error` or none. */
export function valueState(
  input: string,
  description: string,
  passed: DuckList<string>,
  type: string,
): string {
  return guarded(
    () => (scalar(find(input, description, passed), type) === undefined ? 'empty' : ''),
    'default',
    { default: 'error' },
  )
}

const EMPTY: Record<string, string | null> = { null: null, 'empty array': '[]', 'empty object': '{}' }

const noOutput = (why: string): Failure =>
  new Failure('JSON_OUTPUT_CONVERSION_ERROR', `conversion from JSON failed: ${why}`)

/** `options` names the wrapper and, behind a blank, the quotes: `without keep`. */
export function query(
  input: string,
  description: string,
  passed: DuckList<string>,
  options: string,
  onEmpty: string,
  onError: string,
): string | null {
  return guarded(
    () => {
      const items = find(input, description, passed)
      if (items.length === 0) {
        if (onEmpty === 'error') throw fault('JSON_OUTPUT_CONVERSION_ERROR', noOutput(NO_ITEMS).message)
        return EMPTY[onEmpty]!
      }
      const [wrapper, quotes] = options.split(' ') as [string, string]
      return queryText(wrapped(items, wrapper), quotes)
    },
    onError,
    EMPTY,
  )
}

const NO_ITEMS = 'JSON path found no items'

function wrapped(items: Item[], wrapper: string): Item {
  const [first] = items as [Item]
  const alone = items.length === 1 && (first.kind === 'array' || first.kind === 'object')
  if (wrapper === 'unconditional' || (wrapper === 'conditional' && !alone)) return { kind: 'array', items }
  if (items.length > 1) throw noOutput('JSON path found multiple items')
  return first
}

function queryText(item: Item, quotes: string): string {
  if (quotes === 'omit' && item.kind === 'text') return item.value
  const text = writeJson(item)
  if (text !== undefined) return text
  const inner = item.kind === 'array' ? item.items.find((member) => member.kind === 'moment') : item
  const type = inner?.kind === 'moment' ? inner.type : item.kind
  throw noOutput(`JSON path returned a scalar SQL value of type ${type} that cannot be represented as JSON`)
}

/** An item that stands in JSON made of SQL values: dates and times are texts there. */
function partOf(tagged: string): Item {
  try {
    const item = readPassed(tagged) ?? { kind: 'null' }
    return item.kind === 'moment' ? { kind: 'text', value: item.text } : item
  } catch (error) {
    if (error instanceof InputFault) throw fault('JSON_INPUT_CONVERSION_ERROR', 'conversion to JSON failed: ')
    throw error
  }
}

const given = (tagged: string): boolean => tagged !== 'null' && tagged !== 'empty'

export function object(
  keys: DuckList<string | null>,
  values: DuckList<string>,
  nulls: boolean,
  unique: boolean,
): string {
  const members = new Map<string, Item>()
  for (const [i, key] of keys.items.entries()) {
    if (key === null) {
      throw fault(
        'INVALID_FUNCTION_ARGUMENT',
        'null value passed for JSON object key to JSON_OBJECT function',
      )
    }
    if (!nulls && !given(values.items[i]!)) continue
    if (members.has(key)) {
      throw unique
        ? fault('INVALID_FUNCTION_ARGUMENT', 'duplicate key passed to JSON_OBJECT function')
        : fault('NOT_SUPPORTED', 'cannot construct a JSON object with duplicate key')
    }
    members.set(key, partOf(values.items[i]!))
  }
  return writeJson({ kind: 'object', members })!
}

export function array(values: DuckList<string>, nulls: boolean): string {
  const items = values.items.filter((tagged) => nulls || given(tagged)).map(partOf)
  return writeJson({ kind: 'array', items })!
}
