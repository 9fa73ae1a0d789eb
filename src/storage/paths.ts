import { storageErrors } from './errors.ts'

/** @throws object_path_refused for every path that could leave the store or hide in it */
export function checkedPath(path: string): string {
  const segments = path.split('/')
  const bad = (segment: string) => segment === '' || segment.startsWith('.') || /[\\\0]/.test(segment)
  if (segments.some(bad)) throw storageErrors.object_path_refused(JSON.stringify(path))
  return path
}
