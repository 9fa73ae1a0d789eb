import type { Literal, Step } from './syntax.ts'
import { PathSyntaxError, parsePath } from './syntax.ts'

/** What is wrong with a path before it is run; `at` counts characters of the path, undefined where it means the whole. */
export type PathFinding = {
  errorName: 'SYNTAX_ERROR' | 'NOT_SUPPORTED' | 'INVALID_PATH'
  message: string
  at: number | undefined
}

/** Reads a path that is constant, and the names that were passed to it. */
export function checkPath(text: string, names: readonly string[]): PathFinding | undefined {
  try {
    return checkStep(parsePath(text).root, names)
  } catch (error) {
    if (!(error instanceof PathSyntaxError)) throw error
    return error.unsupported
      ? { errorName: 'NOT_SUPPORTED', message: error.message, at: undefined }
      : { errorName: 'SYNTAX_ERROR', message: error.message, at: error.at }
  }
}

function checkStep(root: Step, names: readonly string[]): PathFinding | undefined {
  for (const part of partsOf(root)) {
    const finding = checkVariable(part, names) ?? checkOperands(part)
    if (finding !== undefined) return finding
  }
  return undefined
}

const invalid = (message: string): PathFinding => ({ errorName: 'INVALID_PATH', message, at: undefined })

function checkVariable(step: Step, names: readonly string[]): PathFinding | undefined {
  if (step.kind !== 'variable' || names.includes(step.name)) return undefined
  const hint = names.includes(step.name.toUpperCase())
    ? `. Try quoting "${step.name}" in the PASSING clause to match case`
    : ''
  return invalid(`no value passed for parameter ${step.name}${hint}`)
}

function checkOperands(step: Step): PathFinding | undefined {
  if (step.kind === 'sign' && isNoNumber(step.value)) {
    const type = literalType(step.value.value)
    const what = step.negative ? `: Cannot negate ${type}` : ''
    return invalid(`invalid operand type (${type}) in JSON path arithmetic unary expression${what}`)
  }
  if (step.kind !== 'arithmetic') return undefined
  const { left, right, operator } = step
  if (left.kind !== 'literal' || right.kind !== 'literal' || !(isNoNumber(left) || isNoNumber(right)))
    return undefined
  const [a, b] = [literalType(left.value), literalType(right.value)]
  return invalid(
    `invalid operand types (${a} and ${b}) in JSON path arithmetic binary expression: Cannot apply operator: ${a} ${operator} ${b}`,
  )
}

type LiteralStep = Extract<Step, { kind: 'literal' }>

const isNoNumber = (step: Step): step is LiteralStep =>
  step.kind === 'literal' && (step.value.type === 'text' || step.value.type === 'boolean')

function literalType(literal: Literal): string {
  if (literal.type === 'text') return `varchar(${[...literal.value].length})`
  return literal.type === 'null' ? 'unknown' : literal.type
}

/** The step and everything in it, conditions included. */
function* partsOf(value: unknown): Generator<Step> {
  if (typeof value !== 'object' || value === null) return
  if ('kind' in value) yield value as Step
  for (const inner of Object.values(value)) yield* partsOf(inner)
}
