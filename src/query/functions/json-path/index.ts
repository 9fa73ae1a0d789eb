import { pureFunction } from '../javascript-helpers.ts'
import type { JavaScriptFunction } from '../types.ts'
import * as encoding from './encoding.ts'
import * as run from './run.ts'

export { checkPath, type PathFinding } from './check.ts'

const FIND = 'VARCHAR, VARCHAR, VARCHAR[]'

export const javascript: JavaScriptFunction[] = [
  pureFunction(`p_json_exists(${FIND}, VARCHAR) -> BOOLEAN`, run.exists),
  pureFunction(`p_json_value(${FIND}, VARCHAR, VARCHAR, VARCHAR) -> VARCHAR`, run.value),
  pureFunction(`p_json_value_state(${FIND}, VARCHAR) -> VARCHAR`, run.valueState),
  pureFunction(`p_json_query(${FIND}, VARCHAR, VARCHAR, VARCHAR) -> VARCHAR`, run.query),
  pureFunction('p_json_object(VARCHAR[], VARCHAR[], BOOLEAN, BOOLEAN) -> VARCHAR', run.object),
  pureFunction('p_json_array(VARCHAR[], BOOLEAN) -> VARCHAR', run.array),
  pureFunction('p_decode_json(BLOB, VARCHAR) -> VARCHAR', encoding.decode),
  pureFunction('p_encode_json(VARCHAR, VARCHAR) -> BLOB', encoding.encode),
]
