import type { NodeView } from './node-view.js'
import { joinPath, leafOf, parentOf } from './paths.js'
import { access, OWNER, READ, WRITE } from './permissions.js'
import type { Perm, Principal } from './permissions.js'
import type { StoreQuotas } from './quotas.js'
import { freshNode, ownerOf, recordBytes } from './tree.js'
import type { StoreNode } from './tree.js'
import type { StoreErrno } from './wire.js'

/** What watchers may be told of. */
export interface NodeChange {
  readonly path: string
  /** True: only a watch on this very path; false: also watches above it. */
  readonly exact: boolean
  /** The node after the change, or as it was when it was removed. */
  readonly node: StoreNode
  /** The parent's permissions, which also let a watcher hear of a change. */
  readonly parentPerms: readonly Perm[]
  /** The node's permissions before the change, if they were what changed. */
  readonly oldPerms?: readonly Perm[] | undefined
}

/** Who asks, through which view of the nodes, within which limits. */
export interface Request {
  readonly view: NodeView
  readonly who: Principal
  readonly quotas: StoreQuotas
}

/** The nearest node that exists above a path. */
function nearest({ view }: Request, path: string): { path: string; node: StoreNode } {
  for (let each = parentOf(path); ; each = parentOf(each)) {
    const node = view.peek(each)
    if (node !== undefined) return { path: each, node }
    if (each === '/') throw new Error('the root of the store is missing')
  }
}

/** ENOENT, or EACCES for someone who may not learn that there is nothing: errno_from_parents(). */
function missing(request: Request, path: string, wanted: number): StoreErrno {
  const above = nearest(request, path)
  return (access(above.node.perms, request.who) & wanted) === wanted ? 'ENOENT' : 'EACCES'
}

/** The node if it is there and the asker may do what is `wanted` with it. */
export function lookUp(
  request: Request,
  path: string,
  wanted: number,
  blind = false,
): StoreNode | StoreErrno {
  const node = blind ? request.view.peek(path) : request.view.read(path)
  if (request.view.full) return 'ENOSPC'
  if (node === undefined) return missing(request, path, wanted)
  return (access(node.perms, request.who) & wanted) === wanted ? node : 'EACCES'
}

function parentPerms({ view }: Request, path: string): readonly Perm[] {
  return view.peek(parentOf(path))?.perms ?? []
}

function tooBig(request: Request, node: StoreNode): boolean {
  return !request.who.privileged && recordBytes(node) >= request.quotas.nodeBytes
}

/** Creates a node and all that is missing above it. New nodes inherit permissions; a guest owns what it creates. */
function create(request: Request, path: string, value: Uint8Array): StoreNode | StoreErrno {
  const { view, who, quotas } = request
  const above = nearest(request, path)
  const inherited = view.read(above.path)!.perms
  const perms: readonly Perm[] = who.privileged
    ? inherited
    : [{ domid: who.domid, letter: inherited[0].letter }, ...inherited.slice(1)]
  const names = path.slice(above.path === '/' ? 1 : above.path.length + 1).split('/')
  if (!who.privileged && view.owned(perms[0].domid) + names.length > quotas.nodes) return 'ENOSPC'
  const paths = names.map((_, index) => joinPath(above.path, names.slice(0, index + 1).join('/')))
  const nodes = paths.map((_, index) => {
    const last = index === names.length - 1
    return { ...freshNode(perms, last ? value : undefined), children: last ? [] : [names[index + 1]] }
  })
  const parent = { ...above.node, children: [...above.node.children, names[0]] }
  if (tooBig(request, parent) || nodes.some((node) => tooBig(request, node))) return 'ENOSPC'
  for (const each of paths) view.read(each)
  if (view.full) return 'ENOSPC'
  view.put(above.path, parent, 'all')
  for (const [index, each] of paths.entries()) view.put(each, nodes[index], 'all')
  return nodes.at(-1)!
}

/** WRITE, and MKDIR when `value` is undefined: MKDIR of a node that exists keeps it and tells nobody. */
export function write(
  request: Request,
  path: string,
  value: Uint8Array | undefined,
): NodeChange[] | StoreErrno {
  const found = lookUp(request, path, WRITE, true)
  if (typeof found === 'string' && found !== 'ENOENT') return found
  let node: StoreNode | StoreErrno
  if (typeof found === 'string') {
    node = create(request, path, value ?? new Uint8Array(0))
  } else {
    if (value === undefined) return []
    node = { ...found, value }
    if (tooBig(request, node)) return 'ENOSPC'
    request.view.put(path, node, 'value')
  }
  if (typeof node === 'string') return node
  return [{ path, exact: false, node, parentPerms: parentPerms(request, path) }]
}

/** RM: the node and all below it. A missing node is as good as removed if its own parent exists. */
export function remove(request: Request, path: string): NodeChange[] | StoreErrno {
  const { view } = request
  const found = lookUp(request, path, WRITE)
  if (found === 'ENOENT') return view.peek(parentOf(path)) === undefined ? 'ENOENT' : []
  if (typeof found === 'string') return found
  if (path === '/') return 'EINVAL'
  const parent = view.read(parentOf(path))!
  const leaf = leafOf(path)
  const changes: NodeChange[] = [{ path, exact: false, node: found, parentPerms: parent.perms }]
  // A list, not recursion: a guest decides how deep the tree is (XSA-418).
  for (let index = 0; index < changes.length; index++) {
    const each = changes[index]
    for (const child of each.node.children) {
      const childPath = joinPath(each.path, child)
      const node = view.read(childPath)!
      changes.push({ path: childPath, exact: true, node, parentPerms: each.node.perms })
    }
  }
  if (view.full) return 'ENOSPC'
  for (const each of changes) view.delete(each.path)
  view.put(parentOf(path), { ...parent, children: parent.children.filter((child) => child !== leaf) }, 'all')
  return changes
}

/** SET_PERMS: the owner's affair; only a privileged client gives a node to another owner. */
export function setPerms(request: Request, path: string, perms: readonly Perm[]): NodeChange[] | StoreErrno {
  const { view, who, quotas } = request
  const found = lookUp(request, path, WRITE | OWNER, true)
  if (typeof found === 'string') return found
  if (!who.privileged && perms[0].domid !== ownerOf(found)) return 'EPERM'
  const node = { ...found, perms }
  if (!who.privileged && (perms.length > quotas.perms || tooBig(request, node))) return 'ENOSPC'
  view.put(path, node, 'perms')
  return [{ path, exact: false, node, parentPerms: parentPerms(request, path), oldPerms: found.perms }]
}

/** May this client hear of the change? Whoever may read the node, or could, or may read its parent. */
export function mayHear(change: NodeChange, who: Principal): boolean {
  if ((access(change.node.perms, who) & READ) !== 0) return true
  if (change.oldPerms !== undefined && (access(change.oldPerms, who) & READ) !== 0) return true
  return (access(change.parentPerms, who) & READ) !== 0
}
