import type { ComponentNotice, Notice, ZoneTimes } from './notice.ts'
import { list } from './text.ts'
import type { ClockTime } from './zone-labels.ts'

/** The notice as a part of a page: headings from h2 on, no style, no script; everything from the plan is escaped. */
export function noticeHtml(notice: Notice): string {
  const { scope, reason } = notice
  const regions =
    scope.otherRegions.length === 0 ? '' : ` Not affected: the regions ${escaped(list(scope.otherRegions))}.`
  const unaffected =
    scope.notAffected.length === 0
      ? ''
      : `<p>Not affected in ${escaped(notice.region)}: ${escaped(list(scope.notAffected))}.</p>`
  const notOffered =
    scope.notOffered.length === 0
      ? ''
      : `<p>Not offered by this installation: ${escaped(list(scope.notOffered))}.</p>`
  return [
    `<h2>${escaped(notice.title)}</h2>`,
    `<h3>Who is affected</h3><p>Only the region ${escaped(notice.region)}: ${escaped(list(scope.affected))}.${regions}</p>${unaffected}${notOffered}`,
    `<h3>When</h3>${timesTable(notice)}`,
    `<h3>What happens</h3><ol>${notice.phases
      .map(
        ({ name, atMost, says }) =>
          `<li><strong>${escaped(name)}</strong>, at most ${escaped(atMost)}. ${escaped(says)}</li>`,
      )
      .join('')}</ol>`,
    `<h3>Component by component, during the maintenance</h3><dl>${notice.components.map(component).join('')}</dl>`,
    `<h3>Why</h3><p>${escaped(reason.text)}${incident(notice)}</p>`,
    `<h3>Updates will follow</h3><ul>${notice.updates.map((one) => `<li>${escaped(one)}</li>`).join('')}</ul>`,
    ...notice.remarks.map((one) => `<p>${escaped(one)}</p>`),
    `<h3>Questions</h3><p>${escaped(notice.contact)}</p>`,
  ].join('\n')
}

function timesTable({ times, instants }: Notice): string {
  const rows: [string, keyof Notice['instants']][] = [
    ['Window opens', 'opens'],
    ['Operation starts', 'starts'],
    ['Database back by', 'maintenanceUntil'],
    ['Usual speed by', 'recoveryUntil'],
    ['Window closes', 'closes'],
  ]
  const head = times.map(({ place }) => `<th scope="col">${escaped(place)}</th>`).join('')
  const body = rows
    .map(([name, key]) => {
      const cells = times.map(
        (zone) => `<td>${timeElement(instants[key], zone[key as keyof ZoneTimes] as ClockTime)}</td>`,
      )
      return `<tr><th scope="row">${name}</th>${cells.join('')}</tr>`
    })
    .join('')
  return `<table><thead><tr><td></td>${head}</tr></thead><tbody>${body}</tbody></table>`
}

function timeElement(instant: string, { date, time, label, offset }: ClockTime): string {
  const clock = label === undefined || label === offset ? offset : `${label} (${offset})`
  return `<time datetime="${instant}">${time} ${clock}, ${date}</time>`
}

function component({ name, offered, maintenance, recovery }: ComponentNotice): string {
  const afterwards = offered ? `<br>Afterwards: ${escaped(recovery)}.` : ''
  return `<dt>${escaped(name)}</dt><dd>${escaped(maintenance.join('; '))}.${afterwards}</dd>`
}

function incident({ reason: { incident: known } }: Notice): string {
  if (known === undefined) return ''
  const postmortem = known.hasPostmortem ? '' : ' (postmortem pending)'
  return ` The incident behind it: <a href="${escaped(known.url)}">${escaped(known.id)}</a>${postmortem}.`
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!)
}
