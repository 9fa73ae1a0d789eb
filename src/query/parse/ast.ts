import type { Position } from '../errors.ts'
import type { Statement } from './statement-ast.ts'

export type * from './statement-ast.ts'

/** A name as written. Unquoted names fold case; quoted ones do too when they are looked up, as in Presto. */
export type Identifier = { text: string; quoted: boolean; at: Position }
export type QualifiedName = { parts: Identifier[]; at: Position }

export type TypeName =
  | { kind: 'generic'; name: string; parameters: (TypeName | number)[]; at: Position }
  | { kind: 'row'; fields: { name?: string; type: TypeName }[]; at: Position }
  | { kind: 'date-time'; base: 'time' | 'timestamp'; precision?: number; zoned: boolean; at: Position }
  | { kind: 'interval'; from: IntervalField; to: IntervalField; at: Position }

export const INTERVAL_FIELDS = ['year', 'month', 'day', 'hour', 'minute', 'second'] as const
export type IntervalField = (typeof INTERVAL_FIELDS)[number]

export type ComparisonOperator = '=' | '<>' | '<' | '<=' | '>' | '>='
export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%'

export type Expression = { at: Position } & (
  | { kind: 'null' }
  | { kind: 'boolean'; value: boolean }
  | { kind: 'string'; value: string }
  | { kind: 'binary-string'; hex: string }
  | { kind: 'number'; form: 'integer' | 'decimal' | 'double'; text: string }
  | { kind: 'typed-literal'; type: TypeName; value: string }
  | { kind: 'interval'; negative: boolean; value: string; from: IntervalField; to: IntervalField }
  | { kind: 'parameter' }
  | { kind: 'column'; name: Identifier }
  | { kind: 'dereference'; base: Expression; field: Identifier }
  | { kind: 'subscript'; base: Expression; index: Expression }
  | { kind: 'row'; items: Expression[] }
  | { kind: 'array'; items: Expression[] }
  | { kind: 'call'; call: FunctionCall }
  | { kind: 'lambda'; parameters: Identifier[]; body: Expression }
  | { kind: 'cast'; value: Expression; type: TypeName; safe: boolean }
  | {
      kind: 'case'
      operand?: Expression
      whens: { when: Expression; result: Expression }[]
      otherwise?: Expression
    }
  | { kind: 'and' | 'or'; terms: Expression[] }
  | { kind: 'not'; value: Expression }
  | { kind: 'comparison'; operator: ComparisonOperator; left: Expression; right: Expression }
  | {
      kind: 'quantified'
      operator: ComparisonOperator
      quantifier: 'all' | 'any'
      value: Expression
      query: Query
    }
  | { kind: 'between'; value: Expression; low: Expression; high: Expression }
  | { kind: 'in-list'; value: Expression; items: Expression[] }
  | { kind: 'in-query'; value: Expression; query: Query }
  | { kind: 'like'; value: Expression; pattern: Expression; escape?: Expression }
  | { kind: 'is-null'; value: Expression }
  | { kind: 'distinct-from'; left: Expression; right: Expression }
  | { kind: 'arithmetic'; operator: ArithmeticOperator; left: Expression; right: Expression }
  | { kind: 'sign'; negative: boolean; value: Expression }
  | { kind: 'concat'; parts: Expression[] }
  | { kind: 'at-time-zone'; value: Expression; zone: Expression }
  | { kind: 'subquery'; query: Query }
  | { kind: 'exists'; query: Query }
  | { kind: 'extract'; field: string; value: Expression }
  | { kind: 'current'; name: CurrentName; precision?: number }
  | { kind: 'grouping'; columns: QualifiedName[] }
  | { kind: 'json-path'; call: JsonPathCall }
  | {
      kind: 'json-object'
      members: { key: Expression; value: JsonInput }[]
      nulls: boolean
      unique: boolean
      returning?: JsonOutput
    }
  | { kind: 'json-array'; items: JsonInput[]; nulls: boolean; returning?: JsonOutput }
)
export type ExpressionOf<K extends Expression['kind']> = Extract<Expression, { kind: K }>

/** FORMAT JSON, with the encoding of bytes where one is named. */
export type JsonFormat = 'JSON' | 'UTF8' | 'UTF16' | 'UTF32'
export type JsonInput = { value: Expression; format?: JsonFormat }
export type JsonOutput = { type: TypeName; format?: JsonFormat }
export type JsonBehaviour =
  | { kind: 'error' | 'null' | 'true' | 'false' | 'unknown' | 'empty array' | 'empty object' }
  | { kind: 'default'; value: Expression }

/** JSON_EXISTS, JSON_VALUE and JSON_QUERY; which clauses each has is the parser's to see to. */
export type JsonPathCall = {
  function: 'exists' | 'value' | 'query'
  input: JsonInput
  path: string
  pathAt: Position
  passing: { value: JsonInput; name: Identifier }[]
  returning?: JsonOutput
  wrapper?: 'conditional' | 'unconditional'
  quotes?: 'keep' | 'omit'
  onEmpty?: JsonBehaviour
  onError?: JsonBehaviour
}

export type CurrentName =
  | 'current_date'
  | 'current_time'
  | 'current_timestamp'
  | 'localtime'
  | 'localtimestamp'
  | 'current_user'
  | 'current_catalog'
  | 'current_schema'

export type FunctionCall = {
  name: QualifiedName
  /** `f(*)`: no arguments then. */
  star: boolean
  distinct: boolean
  args: Expression[]
  orderBy: SortItem[]
  filter?: Expression
  nullTreatment?: 'ignore' | 'respect'
  over?: WindowSpecification | Identifier
}

export type SortItem = { value: Expression; descending: boolean; nulls?: 'first' | 'last'; at: Position }

export type WindowSpecification = {
  existing?: Identifier
  partitionBy: Expression[]
  orderBy: SortItem[]
  /** Where ORDER BY stands. */
  orderAt?: Position
  frame?: WindowFrame
  at: Position
}
export type WindowFrame = {
  unit: 'rows' | 'range' | 'groups'
  start: FrameBound
  end?: FrameBound
  at: Position
}
export type FrameBound = { at: Position } & (
  | { kind: 'unbounded preceding' | 'unbounded following' | 'current row' }
  | { kind: 'preceding' | 'following'; value: Expression }
)

export type Query = {
  with?: { recursive: boolean; queries: NamedQuery[] }
  body: QueryBody
  orderBy: SortItem[]
  /** Where ORDER BY stands. */
  orderAt?: Position
  offset?: Expression
  limit?: { count?: Expression; withTies: boolean; isFetch?: boolean; at: Position }
  at: Position
}
export type NamedQuery = { name: Identifier; columns?: Identifier[]; query: Query; at: Position }

export type QueryBody = { at: Position } & (
  | { kind: 'select'; select: Select }
  | { kind: 'table'; name: QualifiedName }
  | { kind: 'values'; rows: Expression[] }
  | { kind: 'nested'; query: Query }
  | { kind: 'set'; operation: 'union' | 'intersect' | 'except'; all: boolean; inputs: QueryBody[] }
)

export type Select = {
  distinct: boolean
  items: SelectItem[]
  from: Relation[]
  where?: Expression
  groupBy?: GroupBy
  having?: Expression
  windows: { name: Identifier; window: WindowSpecification }[]
  at: Position
}
export type SelectItem = { at: Position } & (
  | { kind: 'expression'; value: Expression; alias?: Identifier }
  | { kind: 'all' }
  | { kind: 'all-of'; base: Expression; aliases?: Identifier[] }
)
export type GroupBy = { distinct: boolean; elements: GroupingElement[]; at: Position }
export type GroupingElement =
  | { kind: 'set'; items: Expression[]; parenthesised: boolean }
  | { kind: 'rollup' | 'cube' | 'sets'; sets: Expression[][] }

export type JoinType = 'inner' | 'left' | 'right' | 'full' | 'cross'
export type Relation = { at: Position } & (
  | { kind: 'table'; name: QualifiedName }
  | { kind: 'subquery'; query: Query }
  | { kind: 'lateral'; query: Query }
  | { kind: 'unnest'; items: Expression[]; ordinality: boolean }
  | { kind: 'aliased'; relation: Relation; alias: Identifier; columns?: Identifier[] }
  | { kind: 'sample'; relation: Relation; method: 'bernoulli' | 'system'; percentage: Expression }
  | {
      kind: 'join'
      type: JoinType
      left: Relation
      right: Relation
      criteria:
        | { kind: 'on'; condition: Expression }
        | { kind: 'using'; columns: Identifier[] }
        | { kind: 'natural' | 'none' }
    }
)

/** `-- set session name = 'value'` lines are recorded, never acted on. */
export type MagicComment = { name: string; value: string; line: number }
export type Script = { statements: Statement[]; magicComments: MagicComment[] }
