// Names of nodes: docs/misc/xenstore.txt and is_valid_nodename() of xenstored.

/** Longest absolute path. */
export const ABSOLUTE_MAX = 3072
/** Longest path after the `/local/domain/<id>/` prefix, which is also the longest relative path. */
export const RELATIVE_MAX = 2048

const CHARACTERS = /^[A-Za-z0-9\-/_@]*$/
const DOMAIN_PREFIX = /^\/local\/domain\/\d{1,5}\//

export const domainPath = (domid: number): string => `/local/domain/${domid}`

/** The absolute path that a domain means: relative paths are below its own directory, for every kind of connection. */
export function canonical(path: string, domid: number): string {
  return path.startsWith('/') || path.startsWith('@') ? path : `${domainPath(domid)}/${path}`
}

/** An absolute path of a node that may exist. Special names (`@...`) are not. */
export function isValidPath(path: string): boolean {
  if (!path.startsWith('/') || path.length > ABSOLUTE_MAX) return false
  if (path.endsWith('/') && path !== '/') return false
  if (path.includes('//') || !CHARACTERS.test(path)) return false
  const prefix = DOMAIN_PREFIX.exec(path)?.[0].length ?? 0
  return path.length - prefix <= RELATIVE_MAX
}

/** `@introduceDomain`, `@releaseDomain` and their like: they are watched, not read. */
export function isSpecial(path: string): boolean {
  return path.startsWith('@') && path.length <= RELATIVE_MAX && CHARACTERS.test(path)
}

/** The path above; of '/' itself '/'. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash <= 0 ? '/' : path.slice(0, slash)
}

/** The last part of a path. */
export function leafOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

export function joinPath(parent: string, leaf: string): string {
  return parent === '/' ? `/${leaf}` : `${parent}/${leaf}`
}

/** The path itself and every path above it, nearest first. A special name has none above. */
export function selfAndAncestors(path: string): string[] {
  const paths = [path]
  if (path.startsWith('@')) return paths
  for (let each = path; each !== '/';) {
    each = parentOf(each)
    paths.push(each)
  }
  return paths
}
