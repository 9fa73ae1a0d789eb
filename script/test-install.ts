import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

/** `--clone DIR --scripts on|off`: one installation in a clone of one's own; without: all of them, each as its user. */
const { values } = parseArgs({ options: { clone: { type: 'string' }, scripts: { type: 'string' } } })
if (values.clone !== undefined) await installIn(values.clone, values.scripts === 'on')
else installAll()

async function installIn(clone: string, withScripts: boolean): Promise<void> {
  const startedMs = performance.now()
  const options = ['--no-audit', '--no-fund', '--loglevel=error', '--cache', join(clone, 'empty-cache')]
  if (!withScripts) options.push('--ignore-scripts')
  execFileSync('npm', ['ci', ...options], { cwd: clone, stdio: 'inherit' })
  const installedMs = performance.now()
  // Not before: it needs what was installed.
  const { proveThatItWorks } = await import('./support/proof.ts')
  await proveThatItWorks(join(clone, 'bin', 'millrace'))
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
  console.log(
    `install scripts=${values.scripts} uid=${process.getuid?.()} ci=${seconds(installedMs - startedMs)} ` +
      `start-to-answer=${seconds(performance.now() - installedMs)} ok`,
  )
}

function installAll(): void {
  const nobody = 65534
  const uids = process.getuid?.() === 0 ? [0, nobody] : [process.getuid?.() ?? 0]
  for (const uid of uids) for (const scripts of ['off', 'on']) cloneAndInstall(uid, scripts)
}

function cloneAndInstall(uid: number, scripts: string): void {
  const room = mkdtempSync(join(tmpdir(), 'millrace-install-'))
  chmodSync(room, 0o755)
  try {
    // What git would give to a clone, with what is not committed yet.
    const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { encoding: 'utf8' })
    for (const file of files.split('\0').filter(Boolean))
      cpSync(file, join(room, file), { recursive: true, force: true })
    if (uid !== process.getuid?.()) execFileSync('chown', ['-R', `${uid}:${uid}`, room])
    const temporary = join(room, 'tmp')
    execFileSync('mkdir', [temporary])
    chownSync(temporary, uid, uid)
    const { status } = spawnSync(
      process.execPath,
      [join(room, 'script', 'test-install.ts'), '--clone', room, '--scripts', scripts],
      {
        uid,
        gid: uid,
        cwd: room,
        stdio: 'inherit',
        env: { ...process.env, HOME: room, TMPDIR: temporary },
      },
    )
    if (status !== 0) throw new Error(`the installation with scripts ${scripts} as uid ${uid} failed`)
  } finally {
    rmSync(room, { recursive: true, force: true })
  }
}
