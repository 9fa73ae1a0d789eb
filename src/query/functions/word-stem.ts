import { fault } from './errors-in-engine.ts'

/**
 * The English stemmer of Snowball ("Porter 2"), by its published description:
 * https://snowballstem.org/algorithms/english/stemmer.html
 */

const VOWEL = '[aeiouy]'
const EXCEPTIONS: Record<string, string> = {
  skis: 'ski',
  skies: 'sky',
  dying: 'die',
  lying: 'lie',
  tying: 'tie',
  idly: 'idl',
  gently: 'gentl',
  ugly: 'ugli',
  early: 'earli',
  only: 'onli',
  singly: 'singl',
  sky: 'sky',
  news: 'news',
  howe: 'howe',
  atlas: 'atlas',
  cosmos: 'cosmos',
  bias: 'bias',
  andes: 'andes',
}
const KEPT = ['inning', 'outing', 'canning', 'herring', 'earring', 'proceed', 'exceed', 'succeed']

const STEP_2: [ending: string, becomes: string][] = [
  ['ational', 'ate'],
  ['ization', 'ize'],
  ['fulness', 'ful'],
  ['ousness', 'ous'],
  ['iveness', 'ive'],
  ['tional', 'tion'],
  ['biliti', 'ble'],
  ['lessli', 'less'],
  ['entli', 'ent'],
  ['ation', 'ate'],
  ['alism', 'al'],
  ['aliti', 'al'],
  ['ousli', 'ous'],
  ['iviti', 'ive'],
  ['fulli', 'ful'],
  ['enci', 'ence'],
  ['anci', 'ance'],
  ['abli', 'able'],
  ['izer', 'ize'],
  ['ator', 'ate'],
  ['alli', 'al'],
  ['bli', 'ble'],
]
const STEP_3: [ending: string, becomes: string][] = [
  ['ational', 'ate'],
  ['tional', 'tion'],
  ['alize', 'al'],
  ['icate', 'ic'],
  ['iciti', 'ic'],
  ['ical', 'ic'],
  ['ful', ''],
  ['ness', ''],
]
const STEP_4 = 'ement ance ence able ible ment ant ent ism ate iti ous ive ize al er ic'.split(' ')

/** The stem of a word; only English is known. */
export function wordStem(word: string, language: string): string {
  if (language === 'en') return stemEnglish(word)
  if (OTHERS.includes(language))
    throw fault('NOT_SUPPORTED', `Stems of the language ${language} are not supported`)
  throw fault('INVALID_FUNCTION_ARGUMENT', `Unknown stemmer language: ${language}`)
}

const OTHERS = 'ca da de es eu fi fr hu hy ir it lt nl no pt ro ru sv tr'.split(' ')

function stemEnglish(given: string): string {
  if (given.length <= 2) return given
  const exception = EXCEPTIONS[given]
  if (exception !== undefined && Object.hasOwn(EXCEPTIONS, given)) return exception
  const word = given
    .replace(/^'/, '')
    .replace(/^y/, 'Y')
    .replace(/([aeiouy])y/g, '$1Y')
  const [r1, r2] = regions(word)
  let stem = word.replace(/('s'|'s|')$/, '')
  stem = plural(stem)
  if (KEPT.includes(stem)) return stem
  stem = participle(stem, r1)
  stem = stem.replace(/(?<=.)([^aeiouy])[yY]$/, '$1i')
  stem = step2(stem, r1)
  stem = step3(stem, r1, r2)
  stem = step4(stem, r2)
  return step5(stem, r1, r2).replaceAll('Y', 'y')
}

/** Where R1 and R2 begin: behind the first consonant that follows a vowel, and the same again. */
function regions(word: string): [number, number] {
  const behind = (from: number): number => {
    const found = /[aeiouy][^aeiouy]/.exec(word.slice(from))
    return found === null ? word.length : from + found.index + 2
  }
  const special = /^(?:gener|commun|arsen)/.exec(word)?.[0]
  const r1 = special === undefined ? behind(0) : special.length
  return [r1, behind(r1)]
}

function plural(word: string): string {
  if (word.endsWith('sses')) return word.slice(0, -2)
  if (/ie[sd]$/.test(word)) return word.length > 4 ? word.slice(0, -2) : word.slice(0, -1)
  if (/(?:us|ss)$/.test(word) || !word.endsWith('s')) return word
  return new RegExp(`${VOWEL}.+s$`).test(word) ? word.slice(0, -1) : word
}

function participle(word: string, r1: number): string {
  const eed = /eed(?:ly)?$/.exec(word)
  if (eed !== null) return eed.index >= r1 ? `${word.slice(0, eed.index)}ee` : word
  const ending = /(?:ed|ing)(?:ly)?$/.exec(word)
  if (ending === null) return word
  const stem = word.slice(0, ending.index)
  if (!new RegExp(VOWEL).test(stem)) return word
  if (/(?:at|bl|iz)$/.test(stem)) return `${stem}e`
  if (/(?:bb|dd|ff|gg|mm|nn|pp|rr|tt)$/.test(stem)) return stem.slice(0, -1)
  return stem.length <= r1 && endsShort(stem) ? `${stem}e` : stem
}

/** A vowel between consonants, the last not w, x or Y; or a vowel and a consonant that are the whole word. */
const endsShort = (word: string): boolean =>
  /[^aeiouy][aeiouy][^aeiouywxY]$/.test(word) || /^[aeiouy][^aeiouy]$/.test(word)

function step2(word: string, r1: number): string {
  for (const [ending, becomes] of STEP_2) {
    if (word.endsWith(ending))
      return word.length - ending.length >= r1 ? word.slice(0, -ending.length) + becomes : word
  }
  if (word.endsWith('ogi')) return word.length - 3 >= r1 && word.endsWith('logi') ? word.slice(0, -1) : word
  const li = word.length - 2
  return li >= r1 && /[cdeghkmnrt]li$/.test(word) ? word.slice(0, -2) : word
}

function step3(word: string, r1: number, r2: number): string {
  for (const [ending, becomes] of STEP_3) {
    if (word.endsWith(ending))
      return word.length - ending.length >= r1 ? word.slice(0, -ending.length) + becomes : word
  }
  return word.endsWith('ative') && word.length - 5 >= r2 ? word.slice(0, -5) : word
}

function step4(word: string, r2: number): string {
  for (const ending of STEP_4) {
    if (word.endsWith(ending)) return word.length - ending.length >= r2 ? word.slice(0, -ending.length) : word
  }
  return /[st]ion$/.test(word) && word.length - 3 >= r2 ? word.slice(0, -3) : word
}

function step5(word: string, r1: number, r2: number): string {
  const last = word.length - 1
  if (word.endsWith('e')) {
    return last >= r2 || (last >= r1 && !endsShort(word.slice(0, -1))) ? word.slice(0, -1) : word
  }
  return word.endsWith('ll') && last >= r2 ? word.slice(0, -1) : word
}
