import { errorTable } from './errors.ts'

export const configErrors = errorTable('settings', {
  setting_invalid: {
    status: 500,
    advice: 'final',
    message: (d) => `invalid setting: ${d}`,
    help: 'A MILLRACE_… variable holds a value of the wrong form; the message names it and what is expected.',
  },
})

type Base = { env: string; help: string; example?: string }
/** One setting: its environment variable, type, default and a sentence for the reference page. */
export type Setting =
  | (Base & { type: 'text'; default: string })
  | (Base & { type: 'optional-text' })
  | (Base & { type: 'integer'; default: number; least?: number; most?: number })
  | (Base & { type: 'boolean'; default: boolean })
  | (Base & { type: 'list'; default: string[] })
  | (Base & { type: 'choice'; choices: readonly string[]; default: string })

type Value<S extends Setting> = S extends { type: 'integer' }
  ? number
  : S extends { type: 'boolean' }
    ? boolean
    : S extends { type: 'list' }
      ? string[]
      : S extends { type: 'optional-text' }
        ? string | undefined
        : string
export type Settings<T extends Record<string, Setting>> = { [K in keyof T]: Value<T[K]> }
export type Environment = Record<string, string | undefined>

const allSettings = new Map<string, Record<string, Setting>>()

/**
 * Declares the settings of one capability and returns their reader. Units are in the names
 * (`drainSeconds`, `quotaBytes`); nothing is read until the reader is called with an environment.
 */
export function defineSettings<const T extends Record<string, Setting>>(capability: string, settings: T) {
  allSettings.set(capability, settings)
  return (env: Environment): Settings<T> => {
    const entries = Object.entries(settings).map(([name, setting]) => [name, read(setting, env[setting.env])])
    return Object.fromEntries(entries) as Settings<T>
  }
}

/** Every declared setting, by capability; the documentation generator and the unknown-name check read it. */
export function settingTables(): ReadonlyMap<string, Record<string, Setting>> {
  return allSettings
}

function read(setting: Setting, text: string | undefined): unknown {
  if (text === undefined || text === '') return setting.type === 'optional-text' ? undefined : setting.default
  switch (setting.type) {
    case 'text':
    case 'optional-text':
      return text
    case 'integer': {
      const value = Number(text)
      const { least = Number.MIN_SAFE_INTEGER, most = Number.MAX_SAFE_INTEGER } = setting
      if (Number.isSafeInteger(value) && value >= least && value <= most) return value
      throw configErrors.setting_invalid(
        `${setting.env}=${text} (expected a whole number from ${least} to ${most})`,
      )
    }
    case 'boolean':
      if (/^(1|true|yes|on)$/i.test(text)) return true
      if (/^(0|false|no|off)$/i.test(text)) return false
      throw configErrors.setting_invalid(`${setting.env}=${text} (expected true or false)`)
    case 'list':
      return text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '')
    case 'choice':
      if (setting.choices.includes(text)) return text
      throw configErrors.setting_invalid(
        `${setting.env}=${text} (expected one of ${setting.choices.join(', ')})`,
      )
  }
}
