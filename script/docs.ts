import { writeFileSync } from 'node:fs'
import { referencePages } from './support/reference.ts'

/** Writes the reference pages that are made from the code. */
for (const [path, text] of Object.entries(await referencePages())) {
  writeFileSync(path, text)
  console.log(path)
}
