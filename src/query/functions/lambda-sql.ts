import { freshNames, type LambdaSql } from './define.ts'

/**
 * The body of a lambda with its parameters replaced by other SQL. Texts and quoted names are left alone; where a lambda
 * further in uses the same name, the application is left to the engine.
 */
export function applyLambda({ parameters, body }: LambdaSql, values: string[]): string {
  if (parameters.some((name) => isShadowed(name, body))) return redex(parameters, values, body)
  const byName = new Map(parameters.map((name, i) => [name, values[i]!]))
  return body.replace(TOKEN, (token, at: number) =>
    body[at - 1] === '.' ? token : (byName.get(token) ?? token),
  )
}

const TOKEN = /'(?:[^']|'')*'|"(?:[^"]|"")*"|[A-Za-z_][\w$]*/g

function isShadowed(name: string, body: string): boolean {
  return [...body.matchAll(/lambda\s+([^:]*):/g)].some(([, names]) =>
    names!.match(TOKEN)?.some((found) => found === name),
  )
}

/** The same for values dear to evaluate: one that the body names more than once is bound instead of repeated. */
export function applyLambdaOnce(lambda: LambdaSql, values: string[]): string {
  const names = lambda.body.match(TOKEN) ?? []
  const repeated = lambda.parameters.some(
    (parameter) => names.filter((name) => name === parameter).length > 1,
  )
  return repeated ? redex(lambda.parameters, values, lambda.body) : applyLambda(lambda, values)
}

/** `list_transform([v], lambda p: body)[1]`, one level per parameter. */
function redex(parameters: string[], values: string[], body: string): string {
  const names = freshNames(parameters.length, [body, ...values])
  // Values are bound to names of their own first, so that no parameter captures a name within a later value.
  const inner = parameters.reduceRight(
    (sql, name, i) => `list_transform([${names[i]}], lambda ${name}: ${sql})[1]`,
    body,
  )
  return names.reduceRight(
    (sql, name, i) => `list_transform([${values[i]}], lambda ${name}: ${sql})[1]`,
    inner,
  )
}
