import { defineSettings } from '../kernel/index.ts'

export const readExportSettings = defineSettings('export', {
  directory: {
    env: 'MILLRACE_EXPORT_DIRECTORY',
    type: 'optional-text',
    example: '/srv/millrace/exports',
    help: 'Directory that tables may be exported into (`export/run`, `td table:export`): `ACCOUNT/BUCKET/PREFIX…`, one file for each export. An existing one, writable by Millrace, on every node that runs jobs. Without it export is refused. Millrace removes nothing from it but its own unfinished files.',
  },
  mostMegabytes: {
    env: 'MILLRACE_EXPORT_MB',
    type: 'integer',
    default: 102_400,
    least: 1,
    help: 'Largest export, in MB as compressed MessagePack while it is made; beyond it the job fails and leaves no file.',
  },
})
export type ExportSettings = ReturnType<typeof readExportSettings>
