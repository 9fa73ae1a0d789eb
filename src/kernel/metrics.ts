import { Counter, Gauge, Histogram, Registry } from 'prom-client'

export { Counter, Gauge, Histogram, Registry }

/**
 * One registry per process; every metric is called `millrace_…` and gets a `process` label, so that the
 * supervisor can concatenate what its children report on one `/metrics` page.
 */
export function createRegistry(process: string): Registry {
  const registry = new Registry()
  registry.setDefaultLabels({ process })
  return registry
}
