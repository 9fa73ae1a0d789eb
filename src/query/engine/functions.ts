import {
  DuckDBBlobValue,
  type DuckDBConnection,
  DuckDBScalarFunction,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api'
import type { JavaScriptFunction } from '../functions/types.ts'

/** Registers functions that run in this process's JavaScript. Their types are DuckDB's, as text. */
export async function registerFunctions(
  connection: DuckDBConnection,
  functions: readonly JavaScriptFunction[],
): Promise<void> {
  const known = new Map<string, DuckDBType>()
  const typeOf = async (text: string): Promise<DuckDBType> => {
    const type = known.get(text) ?? (await connection.prepare(`SELECT NULL::${text}`)).columnType(0)
    known.set(text, type)
    return type
  }
  for (const declared of functions) {
    const parameterTypes: DuckDBType[] = []
    for (const text of declared.parameters) parameterTypes.push(await typeOf(text))
    const returnType = await typeOf(declared.returns)
    connection.registerScalarFunction(scalarFunction(declared, parameterTypes, returnType))
  }
}

/** NULL handling is done here, row by row: DuckDB's own only covers arguments that are NULL throughout. */
function scalarFunction(
  { name, run, handlesNull = false, pure = true }: JavaScriptFunction,
  parameterTypes: DuckDBType[],
  returnType: DuckDBType,
): DuckDBScalarFunction {
  return DuckDBScalarFunction.create({
    name,
    parameterTypes,
    returnType,
    specialHandling: true,
    volatile: !pure,
    mainFunction: (_info, input, output) => {
      const vectors = parameterTypes.map((_, i) => input.getColumnVector(i))
      for (let row = 0; row < input.rowCount; row++) {
        const values = vectors.map((vector) => vector.getItem(row))
        const skip = !handlesNull && values.includes(null)
        output.setItem(row, skip ? null : engineValue(run(...values)))
      }
      output.flush()
    },
  })
}

/** Functions know nothing of the engine's classes: bytes are a Uint8Array to them. */
function engineValue(value: unknown): DuckDBValue {
  return value instanceof Uint8Array ? new DuckDBBlobValue(value) : (value as DuckDBValue)
}
