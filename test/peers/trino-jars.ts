import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { withRetries } from '../clients/java-support.ts'

/** The jars of Trino, and what is compiled into `home`; looked up once. */
export function trinoClassPath(home: string): string {
  const file = join(home, 'classpath')
  if (!existsSync(file))
    withRetries(() =>
      execFileSync(
        'mvn',
        [
          ...['-q', '-B', '-f', 'test/peers/trino', 'dependency:build-classpath'],
          `-Dmdep.outputFile=${file}`,
        ],
        { stdio: 'pipe' },
      ),
    )
  return `${home}:${readFileSync(file, 'utf8')}`
}
