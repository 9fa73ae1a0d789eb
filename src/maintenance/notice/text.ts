import type { ComponentNotice, Notice, ZoneTimes } from './notice.ts'

const WIDTH = 76

/** The notice for a terminal or a plain e-mail. */
export function noticeText(notice: Notice): string {
  return `${[
    [`${notice.region.toUpperCase()}: ${notice.title}`],
    section('Who is affected', scope(notice)),
    section('When', notice.times.flatMap(zoneLines)),
    section(
      'What happens',
      notice.phases.flatMap(({ name, atMost, says }, i) =>
        wrapped(`${i + 1}. ${name}, at most ${atMost}. ${says}`, '   '),
      ),
    ),
    section('Component by component, during the maintenance', notice.components.flatMap(componentLines)),
    section('Why', reason(notice)),
    section(
      'Updates will follow',
      notice.updates.map((one) => `- ${one}`),
    ),
    ...(notice.remarks.length === 0
      ? []
      : [
          section(
            'Please note',
            notice.remarks.flatMap((one) => wrapped(one)),
          ),
        ]),
    section('Questions', [notice.contact, notice.url]),
  ]
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`
}

function section(heading: string, lines: string[]): string[] {
  return [heading, ...lines.map((line) => `  ${line}`)]
}

function scope({ region, scope: { affected, notAffected, otherRegions, notOffered } }: Notice): string[] {
  const others = otherRegions.length === 0 ? [] : [`Not affected: the regions ${list(otherRegions)}.`]
  return [
    `Only the region ${region}: ${list(affected)}.`,
    ...others,
    ...(notAffected.length === 0 ? [] : [`Not affected in ${region}: ${list(notAffected)}.`]),
    ...(notOffered.length === 0 ? [] : [`Not offered by this installation: ${list(notOffered)}.`]),
  ].flatMap((line) => wrapped(line))
}

function zoneLines({ place, opens, starts, maintenanceUntil, recoveryUntil, closes }: ZoneTimes): string[] {
  const label = (time: { label: string | undefined; offset: string }) => time.label ?? time.offset
  const offset = opens.label === undefined || opens.label === opens.offset ? '' : ` (${opens.offset})`
  const dateOf = (time: { date: string }) => (time.date === opens.date ? '' : `, ${time.date}`)
  return [
    `${place}, ${opens.date}`,
    `  window            ${opens.time}–${closes.time} ${label(closes)}${offset}${dateOf(closes)}`,
    `  operation starts  ${starts.time} ${label(starts)}${dateOf(starts)}`,
    `  database back by  ${maintenanceUntil.time} ${label(maintenanceUntil)}${dateOf(maintenanceUntil)}`,
    `  usual speed by    ${recoveryUntil.time} ${label(recoveryUntil)}${dateOf(recoveryUntil)}`,
  ]
}

function componentLines({ name, offered, maintenance, recovery }: ComponentNotice): string[] {
  return [
    ...wrapped(`${name}: ${maintenance.join('; ')}.`, '  '),
    ...(offered ? wrapped(`Afterwards: ${recovery}.`).map((line) => `  ${line}`) : []),
  ]
}

function reason({ reason: { text, incident } }: Notice): string[] {
  if (incident === undefined) return wrapped(text)
  const postmortem = incident.hasPostmortem ? '' : ' (postmortem pending)'
  return [...wrapped(text), `The incident behind it: ${incident.url}${postmortem}`]
}

export function list(names: readonly string[]): string {
  if (names.length <= 1) return names[0] ?? 'nothing'
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

function wrapped(text: string, indent = ''): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/ +/)) {
    if (line !== '' && line.length + 1 + word.length > WIDTH) {
      lines.push(line)
      line = indent + word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
