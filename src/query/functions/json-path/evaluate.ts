import type { Item } from './items.ts'
import {
  absolute,
  asIndex,
  compareNumbers,
  compute,
  decimalNumber,
  double,
  NumberFault,
  negate,
  type PathNumber,
  rounded,
  wholeNumber,
} from './numbers.ts'
import type { Comparison, Condition, Literal, Method, Path, Range, Step } from './syntax.ts'

/** The path does not fit the value. What a condition makes of it is "unknown". */
export class PathFault extends Error {}

const fault = (message: string): PathFault => new PathFault(`path evaluation failed: ${message}`)
const wrongType = (wanted: string, item: Item): PathFault =>
  fault(`invalid item type. Expected: ${wanted}, actual: ${shownType(item)}`)
const shownType = (item: Item): string => (item.kind === 'text' ? 'STRING' : item.kind.toUpperCase())

/** A sequence of items: what a path finds. @throws PathFault */
export function evaluatePath(
  path: Path,
  input: Item | undefined,
  variable: (name: string) => Item | undefined,
): Item[] {
  return new Evaluation(path.lax, input, variable).run(path.root, {})
}

/** What `@` and `last` stand for at a place. */
type Place = { current?: Item; last?: number }

class Evaluation {
  readonly #lax: boolean
  readonly #input: Item | undefined
  readonly #variable: (name: string) => Item | undefined
  #objects = 0

  constructor(lax: boolean, input: Item | undefined, variable: (name: string) => Item | undefined) {
    this.#lax = lax
    this.#input = input
    this.#variable = variable
  }

  run(step: Step, place: Place): Item[] {
    switch (step.kind) {
      case 'literal':
        return [literalItem(step.value)]
      case 'context':
        return this.#input === undefined ? [] : [this.#input]
      case 'current':
        if (place.current === undefined) throw fault('@ stands outside a filter')
        return [place.current]
      case 'last':
        if (place.last === undefined) throw fault('accessing the last array index with no enclosing array')
        return [wholeNumber(BigInt(place.last))]
      case 'variable': {
        const value = this.#variable(step.name)
        return value === undefined ? [] : [value]
      }
      case 'member':
        return this.#unwrapped(this.run(step.base, place)).flatMap((item) => this.#member(item, step.name))
      case 'descendants':
        return this.run(step.base, place).flatMap((item) => descendants(item, step.name))
      case 'elements':
        return this.run(step.base, place).flatMap((item) => this.#elements(item, step.ranges, place))
      case 'filter':
        return this.#unwrapped(this.run(step.base, place)).filter(
          (item) => this.#condition(step.condition, { ...place, current: item }) === true,
        )
      case 'method':
        return this.#method(step.name, this.run(step.base, place))
      case 'sign':
        return this.#unwrapped(this.run(step.value, place)).map((item) => {
          if (item.kind !== 'number') throw wrongType('NUMBER', item)
          return step.negative ? computed(() => negate(item)) : item
        })
      case 'arithmetic': {
        const left = this.#singleNumber(this.run(step.left, place))
        const right = this.#singleNumber(this.run(step.right, place))
        return [computed(() => compute(step.operator, left, right))]
      }
    }
  }

  /** Lax: arrays give way to their elements. */
  #unwrapped(items: Item[]): Item[] {
    return this.#lax ? items.flatMap((item) => (item.kind === 'array' ? item.items : [item])) : items
  }

  #member(item: Item, name: string | undefined): Item[] {
    if (item.kind !== 'object') {
      if (this.#lax) return []
      throw wrongType('OBJECT', item)
    }
    if (name === undefined) return [...item.members.values()]
    const found = item.members.get(name)
    if (found !== undefined) return [found]
    if (this.#lax) return []
    throw fault(`structural error: missing member '${name}' in JSON object`)
  }

  #elements(item: Item, ranges: Range[] | undefined, place: Place): Item[] {
    if (item.kind !== 'array' && !this.#lax) throw wrongType('ARRAY', item)
    const items = item.kind === 'array' ? item.items : [item]
    if (ranges === undefined) return items
    const inside = { ...place, last: items.length - 1 }
    return ranges.flatMap((range) => {
      const from = this.#index(range.from, inside)
      const to = range.to === undefined ? from : this.#index(range.to, inside)
      if (this.#lax) return items.slice(Math.max(from, 0), Math.max(to + 1, 0))
      if (from < 0 || to >= items.length || from > to) {
        throw fault(
          `structural error: invalid array subscript: [${from}, ${to}] for array of size ${items.length}`,
        )
      }
      return items.slice(from, to + 1)
    })
  }

  #index(step: Step, place: Place): number {
    const items = this.run(step, place)
    if (items.length !== 1) throw fault('array subscript requires a singleton')
    const [index] = items as [Item]
    if (index.kind !== 'number') throw wrongType('NUMBER', index)
    return asIndex(index)
  }

  #singleNumber(items: Item[]): PathNumber {
    const unwrapped = this.#unwrapped(items)
    if (unwrapped.length !== 1) throw fault('arithmetic binary expression requires singleton operands')
    const [item] = unwrapped as [Item]
    if (item.kind !== 'number') throw wrongType('NUMBER', item)
    return item
  }

  #method(name: Method, items: Item[]): Item[] {
    if (name === 'type') return items.map((item) => ({ kind: 'text', value: typeName(item) }))
    if (name === 'size') return items.map((item) => this.#size(item))
    return this.#unwrapped(items).flatMap((item) => {
      if (name === 'keyvalue') return this.#keyValues(item)
      if (name === 'double') return [doubleOf(item)]
      if (item.kind !== 'number') throw wrongType('NUMBER', item)
      return [computed(() => (name === 'abs' ? absolute(item) : rounded(item, name === 'ceiling')))]
    })
  }

  #size(item: Item): Item {
    if (item.kind === 'array') return wholeNumber(BigInt(item.items.length))
    if (this.#lax) return wholeNumber(1n)
    throw wrongType('ARRAY', item)
  }

  #keyValues(item: Item): Item[] {
    if (item.kind !== 'object') throw wrongType('OBJECT', item)
    const id = wholeNumber(BigInt(this.#objects++))
    return [...item.members].map(([name, value]) => ({
      kind: 'object',
      members: new Map<string, Item>([
        ['name', { kind: 'text', value: name }],
        ['value', value],
        ['id', id],
      ]),
    }))
  }

  /** undefined is unknown. */
  #condition(condition: Condition, place: Place): boolean | undefined {
    switch (condition.kind) {
      case 'and': {
        const left = this.#condition(condition.left, place)
        const right = this.#condition(condition.right, place)
        return left === false || right === false ? false : left === undefined ? undefined : right
      }
      case 'or': {
        const left = this.#condition(condition.left, place)
        const right = this.#condition(condition.right, place)
        return left === true || right === true ? true : left === undefined ? undefined : right
      }
      case 'not': {
        const value = this.#condition(condition.value, place)
        return value === undefined ? undefined : !value
      }
      case 'unknown':
        return this.#condition(condition.value, place) === undefined
      case 'exists':
        return this.#guarded(condition.path, place, (items) => items.length > 0)
      case 'compare':
        return this.#pairs(condition.left, condition.right, place, (a, b) =>
          compare(condition.operator, a, b),
        )
      case 'starts':
        return this.#pairs(condition.text, condition.start, place, (a, b) =>
          a.kind === 'text' && b.kind === 'text' ? a.value.startsWith(b.value) : undefined,
        )
    }
  }

  #guarded<T>(step: Step, place: Place, use: (items: Item[]) => T): T | undefined {
    try {
      return use(this.run(step, place))
    } catch (error) {
      if (error instanceof PathFault) return undefined
      throw error
    }
  }

  /** True when some pair fits; unknown as soon as one cannot be judged. */
  #pairs(
    left: Step,
    right: Step,
    place: Place,
    fits: (a: Item, b: Item) => boolean | undefined,
  ): boolean | undefined {
    return this.#guarded(left, place, (lefts) =>
      this.#guarded(right, place, (rights) => {
        let found = false
        for (const a of this.#unwrapped(lefts)) {
          for (const b of this.#unwrapped(rights)) {
            const fit = fits(a, b)
            if (fit === undefined) return undefined
            if (fit && this.#lax) return true
            found ||= fit
          }
        }
        return found
      }),
    )
  }
}

function computed(compute: () => PathNumber): PathNumber {
  try {
    return compute()
  } catch (error) {
    if (error instanceof NumberFault) throw fault('')
    throw error
  }
}

function literalItem(literal: Literal): Item {
  switch (literal.type) {
    case 'null':
      return { kind: 'null' }
    case 'boolean':
      return { kind: 'boolean', value: literal.value }
    case 'text':
      return { kind: 'text', value: literal.value }
    case 'integer':
      return wholeNumber(BigInt(literal.value))
    case 'decimal':
      return decimalNumber(literal.value)
    case 'double':
      return double(Number(literal.value))
  }
}

/** Every member of that name, the outer ones before those within them. */
function descendants(item: Item, name: string): Item[] {
  const found: Item[] = []
  const visit = (value: Item): void => {
    if (value.kind === 'array') for (const element of value.items) visit(element)
    if (value.kind !== 'object') return
    const member = value.members.get(name)
    if (member !== undefined) found.push(member)
    for (const inner of value.members.values()) visit(inner)
  }
  visit(item)
  return found
}

function doubleOf(item: Item): Item {
  if (item.kind === 'number') {
    return computed(() =>
      double(Number('whole' in item ? item.whole : 'value' in item ? item.value : textOf(item))),
    )
  }
  if (item.kind !== 'text') throw wrongType('NUMBER or TEXT', item)
  const text = item.value.trim()
  if (!/^[+-]?(?:NaN|Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$/.test(text)) throw fault('')
  return double(Number(text))
}

const textOf = ({ unscaled, scale }: { unscaled: bigint; scale: number }): string => `${unscaled}e-${scale}`

const MOMENT_NAMES: Record<string, string> = {
  time: 'time without time zone',
  timestamp: 'timestamp without time zone',
}

const typeName = (item: Item): string =>
  item.kind === 'text'
    ? 'string'
    : item.kind === 'moment'
      ? (MOMENT_NAMES[item.type] ?? item.type)
      : item.kind

/** undefined for values that cannot be compared with each other. */
function compare(operator: Comparison, a: Item, b: Item): boolean | undefined {
  if (a.kind === 'null' || b.kind === 'null') {
    const both = a.kind === b.kind
    return operator === '<>' ? !both : both && operator === '='
  }
  const order = orderOf(a, b)
  if (order === undefined) return undefined
  switch (operator) {
    case '=':
      return order === 0
    case '<>':
      return order !== 0
    case '<':
      return order < 0
    case '>':
      return order > 0
    case '<=':
      return order <= 0
    case '>=':
      return order >= 0
  }
}

function orderOf(a: Item, b: Item): number | undefined {
  if (a.kind === 'number' && b.kind === 'number') {
    return a.type === 'huge' || b.type === 'huge' ? undefined : compareNumbers(a, b)
  }
  if (a.kind === 'text' && b.kind === 'text') return compareCodePoints(a.value, b.value)
  if (a.kind === 'boolean' && b.kind === 'boolean') return Number(a.value) - Number(b.value)
  if (a.kind === 'moment' && b.kind === 'moment' && a.type === b.type)
    return compareCodePoints(a.text, b.text)
  return undefined
}

/** As UTF-8 sorts: UTF-16 puts characters beyond the BMP before some within it. */
function compareCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'))
}
