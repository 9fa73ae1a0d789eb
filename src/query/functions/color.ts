import * as run from './color-run.ts'
import { type FunctionDefinition, fail, scalar } from './define.ts'
import { pureFunction } from './javascript-helpers.ts'
import type { JavaScriptFunction } from './types.ts'

/** Colours and bars for terminals. A colour is held as its text: a name of the terminal's own eight, or #rrggbb. */

const rendered = (type: string, length: string, text: string) =>
  scalar(`render(${type}, color) -> varchar(${length})`, `p_render(${text}, $2)`)

export const definitions: FunctionDefinition[] = [
  ...scalar('color(varchar(x)) -> color', 'p_color($1)'),
  ...scalar('color(double, color, color) -> color', 'p_color_between($1, $2, $3)'),
  ...scalar(
    'color(double, double, double, color, color) -> color',
    'p_color_between(($1 - $2) / ($3 - $2), $4, $5)',
  ),
  ...scalar('rgb(bigint, bigint, bigint) -> color', (call) => {
    const names = ['red', 'green', 'blue']
    const whens = call.args.map(
      (arg, i) =>
        `WHEN ${arg} NOT BETWEEN 0 AND 255 THEN ${fail(call, 'INVALID_FUNCTION_ARGUMENT', `${names[i]} must be between 0 and 255`)}`,
    )
    return `CASE ${whens.join(' ')} ELSE printf('#%02x%02x%02x', ${call.args.join(', ')}) END`
  }),
  ...scalar('bar(double, bigint) -> varchar', "p_bar($1, $2, '#ff0000', '#00ff00')"),
  ...scalar('bar(double, bigint, color, color) -> varchar', 'p_bar($1, $2, $3, $4)'),
  ...scalar(
    'render(boolean) -> varchar(16)',
    "CASE WHEN $1 THEN p_render('✓', 'green') WHEN NOT $1 THEN p_render('✗', 'red') END",
  ),
  ...rendered('bigint', '35', 'CAST($1 AS VARCHAR)'),
  ...rendered('double', '41', 'p_double_text($1)'),
  ...scalar('render(varchar(x), color) -> varchar(y)', 'p_render($1, $2)', {
    result({ bindings: { numbers } }) {
      const length = numbers.get('x')
      return length === undefined ? { kind: 'varchar' } : { kind: 'varchar', length: length + 15 }
    },
  }),
]

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_color(VARCHAR) -> VARCHAR', run.readColor),
  pureFunction('p_color_between(DOUBLE, VARCHAR, VARCHAR) -> VARCHAR', run.between),
  pureFunction('p_bar(DOUBLE, BIGINT, VARCHAR, VARCHAR) -> VARCHAR', run.bar),
  pureFunction('p_render(VARCHAR, VARCHAR) -> VARCHAR', run.render),
]
