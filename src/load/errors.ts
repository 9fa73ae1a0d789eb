import { errorTable } from '../kernel/index.ts'

export const loadErrors = errorTable('load', {
  loader_fenced: {
    status: 503,
    advice: 'retry',
    message: (spool) => `another loader has taken over spool ${spool}`,
    help: 'Two loaders were started for one spool. The older one ends; nothing is lost or doubled.',
  },
  spool_kind_unknown: {
    status: 503,
    advice: 'retry',
    message: (kind) => `the spool holds a record of kind ${kind}, which this version cannot load`,
    help: 'A newer version of the collector wrote the record. Nothing is skipped: start the newer version of the loader.',
  },
  loader_disk_full: {
    status: 503,
    advice: 'retry',
    message: (path) => `no room to write ${path}`,
    help: 'The disk of the spool is full. The loader waits and goes on by itself when there is room; nothing is lost.',
  },
  load_conflict: {
    status: 503,
    advice: 'retry',
    message: (d) => `other loaders kept changing the same tables: ${d}`,
    help: 'The batch is tried again; nothing is lost.',
  },
})
