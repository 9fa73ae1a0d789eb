import { castText } from './cast-text.ts'
import { type Call, type FunctionDefinition, scalar } from './define.ts'
import { pureFunction } from './javascript-helpers.ts'
import * as run from './teradata-run.ts'
import type { JavaScriptFunction } from './types.ts'

/** Functions that Trino has for those who come from Teradata. */

/** The local time is formatted, in the value's own zone. */
const toChar = ({ args, types, context }: Call): string =>
  `p_to_char(${castText(args[0]!, types[0]!, context)}, ${args[1]})`

export const definitions: FunctionDefinition[] = [
  ...scalar('index(varchar, varchar) -> bigint', 'CAST(strpos($1, $2) AS BIGINT)'),
  ...scalar('char2hexint(varchar) -> varchar', 'p_char2hexint($1)'),
  ...scalar('to_char(timestamp(3) with time zone, varchar) -> varchar', toChar),
  ...scalar('to_date(varchar, varchar) -> date', 'CAST(p_to_moment($1, $2) AS DATE)'),
  ...scalar('to_timestamp(varchar, varchar) -> timestamp(3)', 'CAST(p_to_moment($1, $2) AS TIMESTAMP)'),
]

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_char2hexint(VARCHAR) -> VARCHAR', run.hexOfUtf16),
  pureFunction('p_to_char(VARCHAR, VARCHAR) -> VARCHAR', run.toChar),
  pureFunction('p_to_moment(VARCHAR, VARCHAR) -> VARCHAR', run.toMoment),
]
