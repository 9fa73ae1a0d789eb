import { defineSettings } from '../kernel/index.ts'

export const readCatalogSettings = defineSettings('catalog', {
  writeWaitSeconds: {
    type: 'integer',
    env: 'MILLRACE_CATALOG_WRITE_WAIT_SECONDS',
    default: 20,
    least: 0,
    most: 600,
    help: 'How long a change of the catalog (create a table, add a user …) waits while the main database is away before it is answered 503.',
  },
  undeleteHours: {
    type: 'integer',
    env: 'MILLRACE_UNDELETE_HOURS',
    default: 24,
    least: 0,
    most: 87_600,
    help: 'How long a deleted table or database can be restored (table/undelete, database/undelete); afterwards its rows are removed.',
  },
  auditDays: {
    type: 'integer',
    env: 'MILLRACE_AUDIT_DAYS',
    default: 400,
    least: 30,
    most: 36_500,
    help: 'How long the log of changes (audit/list, system.audit_log) is kept. The database itself refuses to remove lines that are younger than 30 days.',
  },
  ownerEmail: {
    type: 'text',
    env: 'MILLRACE_OWNER_EMAIL',
    default: 'owner@localhost',
    help: 'E-mail address of the owner of the account that the first start creates.',
  },
  ownerName: {
    type: 'text',
    env: 'MILLRACE_OWNER_NAME',
    default: 'Owner',
    help: 'Name of the owner of the account that the first start creates.',
  },
  ownerPassword: {
    type: 'optional-text',
    env: 'MILLRACE_OWNER_PASSWORD',
    help: 'Password of that owner; without it one is generated and printed once.',
  },
})
