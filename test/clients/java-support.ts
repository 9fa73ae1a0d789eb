import { execFileSync } from 'node:child_process'

/** Why tests with Java cannot run here; false when they can, or must (CI). */
export function missingJava(): string | false {
  const missing = [isHere('javac', '-version') ? '' : 'a JDK', isHere('mvn', '-v') ? '' : 'Maven'].filter(
    (name) => name !== '',
  )
  return missing.length > 0 && process.env.REQUIRE_CLIENTS !== '1'
    ? `${missing.join(' and ')} not installed`
    : false
}

function isHere(command: string, flag: string): boolean {
  try {
    execFileSync(command, [flag], { stdio: 'ignore' })
    return true
  } catch {
    // Not installed: the caller says so as the reason of the skip.
    return false
  }
}

/** Maven Central is asked over the network; a passing fault is no failure of ours. */
export function withRetries<T>(action: () => T): T {
  for (let attempt = 1; ; attempt++) {
    try {
      return action()
    } catch (error) {
      if (attempt === 3) throw error
      console.error(`attempt ${attempt} failed: ${(error as Error).message}`)
    }
  }
}
