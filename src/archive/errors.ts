import { errorTable } from '../kernel/index.ts'

export const archiveErrors = errorTable('archive', {
  merge_abandoned: {
    status: 503,
    advice: 'retry',
    message: (why) => `the merge was given up: ${why}`,
    help: 'Somebody else changed or claimed the chunks meanwhile. Nothing was stored; they are merged another time.',
  },
  merge_miscounted: {
    status: 500,
    advice: 'final',
    message: (d) => `a merge did not give as many rows as went in: ${d}`,
    help: 'Nothing was stored and the chunks stay as they are. The count of the catalog and that of a file differ: run fsck.',
  },
  hour_expected: {
    status: 422,
    advice: 'final',
    message: (d) =>
      `from and to must be whole hours (unix seconds that are multiples of 3600) with from before to: ${d}`,
    help: 'table/partialdelete removes whole hours. Use SQL DELETE for anything finer.',
  },
})
