import type { CallContext } from './functions/index.ts'

/** What the statements of one script, or of one client's session, share; a statement changes it for those after it. */
export type Session = {
  /** The database of names without one: the job's `db`, until USE names another. */
  defaultDatabase: string
  context: CallContext
  /** Prepared statements by name: their texts. */
  prepared: ReadonlyMap<string, string>
  /** What SET SESSION has set. */
  properties: ReadonlyMap<string, string>
}

/** What one statement changes of its session; a gateway hands the same to its client as headers. */
export type SessionEffect =
  | { kind: 'set-property'; name: string; value: string }
  | { kind: 'reset-property'; name: string }
  | { kind: 'use'; database: string }
  | { kind: 'time-zone'; zone: string }
  | { kind: 'prepare'; name: string; text: string }
  | { kind: 'deallocate'; name: string }
  /** SET PATH, SET ROLE: taken note of, and nothing else. */
  | { kind: 'noted'; what: string }

export function startSession({
  defaultDatabase,
  context,
}: Pick<Session, 'defaultDatabase' | 'context'>): Session {
  return { defaultDatabase, context, prepared: new Map(), properties: new Map() }
}

/** The session as the next statement finds it. */
export function afterEffect(session: Session, effect: SessionEffect): Session {
  switch (effect.kind) {
    case 'set-property': {
      const properties = new Map(session.properties).set(effect.name, effect.value)
      return withProperty({ ...session, properties }, effect.name, effect.value)
    }
    case 'reset-property': {
      const properties = without(session.properties, effect.name)
      return withProperty({ ...session, properties }, effect.name, undefined)
    }
    case 'use':
      return { ...session, defaultDatabase: effect.database }
    case 'time-zone':
      return inZone(session, effect.zone)
    case 'prepare':
      return { ...session, prepared: new Map(session.prepared).set(effect.name, effect.text) }
    case 'deallocate':
      return { ...session, prepared: without(session.prepared, effect.name) }
    case 'noted':
      return session
  }
}

/** What a property does to the statements after it; undefined is its standard value. */
function withProperty(session: Session, name: string, value: string | undefined): Session {
  switch (name) {
    case 'time_zone_id':
      return inZone(session, value ?? 'UTC')
    case 'max_recursion_depth': {
      const { maxRecursionDepth: _, ...context } = session.context
      const depth = value === undefined ? {} : { maxRecursionDepth: Number(value) }
      return { ...session, context: { ...context, ...depth } }
    }
    default:
      return session
  }
}

const inZone = (session: Session, zone: string): Session => ({
  ...session,
  context: { ...session.context, zone },
})

function without(map: ReadonlyMap<string, string>, name: string): ReadonlyMap<string, string> {
  const rest = new Map(map)
  rest.delete(name)
  return rest
}
