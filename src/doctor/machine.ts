import { type Check, error, type Finding, type World, wantedOf, warning } from './types.ts'

const LEAST_FILES = 1024
const ENOUGH_FILES = 4096

export const machineChecks: Check[] = [
  { name: 'memory', looks: 'whether there is as much memory as the settings ask for', look: memory },
  { name: 'open-files', looks: 'how many files a process may have open', look: openFiles },
  { name: 'time-zones', looks: 'whether time zones are known', look: timeZones },
]

function memory(world: World): Finding[] {
  const wanted = wantedOf(world)
  const has = world.machine.memoryBytes()
  if (wanted === undefined || has >= wanted.memoryBytes) return []
  return [
    warning(
      `there are ${gigabytes(has)} of memory, and the settings may want ${gigabytes(wanted.memoryBytes)}`,
      'Under load the system ends processes: queries fail and are begun anew.',
      'More memory, or lower MILLRACE_QUERY_MEMORY_MB, MILLRACE_WORKER_PROCESSES and MILLRACE_JOBS_WORKER_CONCURRENCY.',
    ),
  ]
}

function openFiles({ machine, run }: World): Finding[] {
  const most = machine.openFiles(run?.pid)
  if (most === undefined || most >= ENOUGH_FILES) return []
  const message = `a process may have ${most} files open`
  const advice = `ulimit -n 65536 where it is started, or LimitNOFILE=65536 in its systemd unit; then a restart.`
  if (most < LEAST_FILES)
    return [error(message, 'Connections and queries of many chunks are refused under everyday load.', advice)]
  return [warning(message, 'With thousands of connections or chunks it runs out of them.', advice)]
}

function timeZones({ machine }: World): Finding[] {
  if (machine.hasTimeZones()) return []
  return [
    error(
      'time zones are not known (this Node was built without them)',
      'Schedules in a zone run at the wrong hour, and queries that name one fail.',
      'Use the Node that script/bootstrap installs, or another with full-icu.',
    ),
  ]
}

function gigabytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`
}
