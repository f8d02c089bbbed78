import { control } from './control-commands.js'
import { lookUp, remove, setPerms, write } from './operations.js'
import type { NodeChange, Request } from './operations.js'
import { canonical, domainPath, isSpecial, isValidPath } from './paths.js'
import { formatPerm, parsePerm, READ } from './permissions.js'
import type { Perm } from './permissions.js'
import type { NodeView } from './node-view.js'
import type { StoreQuotas } from './quotas.js'
import type { OpenRequest, StoreSession } from './session.js'
import { StoreTransaction } from './transactions.js'
import type { StoreTree } from './tree.js'
import type { WatchTable } from './watches.js'
import { encodeStrings, exactStrings, PAYLOAD_MAX, splitStrings, XS } from './wire.js'
import type { Message, StoreErrno } from './wire.js'

/** What requests need of the server. */
export interface StoreService {
  readonly quotas: StoreQuotas
  readonly tree: StoreTree
  readonly direct: NodeView
  readonly watches: WatchTable
  isDomain(domid: number): boolean
  isIntroduced(domid: number): boolean
  introduce(domid: number, gfn: number, port: number): boolean
  release(domid: number): boolean
  tell(changes: readonly NodeChange[], cause: OpenRequest | undefined): void
  specialPerms(name: string): readonly Perm[] | undefined
  setSpecialPerms(name: string, perms: readonly Perm[]): boolean
}

/** One request on its way through the server. */
interface Context {
  readonly server: StoreService
  readonly session: StoreSession
  readonly message: Message
  readonly open: OpenRequest
  readonly transaction: StoreTransaction | undefined
  readonly request: Request
  /** Runs once the answer is queued. */
  afterwards: (() => void) | undefined
}

type Answer = Uint8Array | StoreErrno
interface Operation {
  readonly run: (context: Context) => Answer
  /** Only for domain 0 and sockets. */
  readonly privileged?: boolean
  /** Not over a socket: what the toolstack of this host does, which knows the domain's page and port. */
  readonly toolstack?: boolean
  /** The transaction id in the header means nothing. */
  readonly outsideTransactions?: boolean
}

const OK = encodeStrings('OK')

/** Handles one request and queues its answer. Never throws on what a client sent. */
export function dispatch(server: StoreService, session: StoreSession, message: Message): void {
  const open = session.openRequest()
  const operation = OPERATIONS[message.type]
  const id = operation?.outsideTransactions === true ? 0 : message.transactionId
  const transaction = id === 0 ? undefined : session.transactions.get(id)
  let answer: Answer
  let afterwards: (() => void) | undefined
  if (operation === undefined) answer = 'ENOSYS'
  else if (operation.privileged === true && !session.privileged) answer = 'EACCES'
  else if (operation.toolstack === true && session.overStream) answer = 'EACCES'
  else if (id !== 0 && transaction === undefined) answer = 'ENOENT'
  else {
    const request = { view: transaction ?? server.direct, who: session, quotas: server.quotas }
    const context: Context = { server, session, message, open, transaction, request, afterwards: undefined }
    answer = operation.run(context)
    afterwards = context.afterwards
  }
  if (typeof answer !== 'string' && answer.length > PAYLOAD_MAX) answer = 'E2BIG'
  if (typeof answer === 'string') session.answer(message, XS.ERROR, encodeStrings(answer), open)
  else session.answer(message, message.type, answer, open)
  afterwards?.()
}

/** The node that a request names by its only argument. */
function pathArgument({ session, message }: Context): string | undefined {
  const [path] = exactStrings(message.payload, 1) ?? []
  return path === undefined ? undefined : validPath(session, path)
}

function validPath(session: StoreSession, path: string): string | undefined {
  const absolute = canonical(path, session.domid)
  return isValidPath(absolute) ? absolute : undefined
}

/** Changes are told at once, or at the end of the transaction. */
function changed({ server, transaction, open }: Context, changes: NodeChange[] | StoreErrno): Answer {
  if (typeof changes === 'string') return changes
  if (transaction === undefined) server.tell(changes, open)
  else transaction.note(changes)
  return OK
}

function doRead(context: Context): Answer {
  const path = pathArgument(context)
  if (path === undefined) return 'EINVAL'
  const node = lookUp(context.request, path, READ)
  return typeof node === 'string' ? node : node.value
}

const namesOf = (children: readonly string[]): Uint8Array => encodeStrings(...children)

function doDirectory(context: Context): Answer {
  const path = pathArgument(context)
  if (path === undefined) return 'EINVAL'
  const node = lookUp(context.request, path, READ)
  return typeof node === 'string' ? node : namesOf(node.children)
}

/** "path\0offset\0": the generation, names from that byte of the list on, and a NUL more when the list ends. */
function doDirectoryPart(context: Context): Answer {
  const [name, from] = exactStrings(context.message.payload, 2) ?? []
  const path = name === undefined ? undefined : validPath(context.session, name)
  if (path === undefined || from === undefined || !/^\d{1,9}$/.test(from)) return 'EINVAL'
  const node = lookUp(context.request, path, READ)
  if (typeof node === 'string') return node
  const generation = encodeStrings(String(node.generation))
  const list = namesOf(node.children)
  const offset = Math.min(Number(from), list.length)
  const room = PAYLOAD_MAX - generation.length - 1
  let end = offset
  for (let next = list.indexOf(0, end); next >= 0 && next + 1 - offset <= room; next = list.indexOf(0, end))
    end = next + 1
  const last = end === list.length ? 1 : 0
  const answer = new Uint8Array(generation.length + end - offset + last)
  answer.set(generation)
  answer.set(list.subarray(offset, end), generation.length)
  return answer
}

function doWrite(context: Context): Answer {
  const { strings, rest } = splitStrings(context.message.payload, 1)
  const path = strings[0] === undefined || rest < 0 ? undefined : validPath(context.session, strings[0])
  if (path === undefined) return 'EINVAL'
  return changed(context, write(context.request, path, context.message.payload.slice(rest)))
}

function doMkdir(context: Context): Answer {
  const path = pathArgument(context)
  return path === undefined ? 'EINVAL' : changed(context, write(context.request, path, undefined))
}

function doRm(context: Context): Answer {
  const path = pathArgument(context)
  return path === undefined ? 'EINVAL' : changed(context, remove(context.request, path))
}

function doGetPerms(context: Context): Answer {
  const { server, session, message, request } = context
  const [name] = exactStrings(message.payload, 1) ?? []
  if (name !== undefined && isSpecial(name)) {
    const perms = server.specialPerms(name)
    if (perms === undefined) return 'ENOENT'
    return session.privileged ? encodeStrings(...perms.map(formatPerm)) : 'EACCES'
  }
  const path = pathArgument(context)
  if (path === undefined) return 'EINVAL'
  const node = lookUp(request, path, READ)
  return typeof node === 'string' ? node : encodeStrings(...node.perms.map(formatPerm))
}

function doSetPerms(context: Context): Answer {
  const { server, session, message, request } = context
  const { strings, rest } = splitStrings(message.payload, Infinity)
  const [name, ...letters] = strings
  if (name === undefined || letters.length === 0 || rest < 0) return 'EINVAL'
  if (!session.privileged && letters.length > server.quotas.perms) return 'ENOSPC'
  const perms = letters.map(parsePerm)
  if (!perms.every((perm) => perm !== undefined)) return 'EINVAL'
  // A domain that never was has no rights to get; as an owner it is refused.
  if (!server.isDomain(perms[0].domid)) return 'ENOENT'
  const kept: Perm[] = perms.filter((perm) => server.isDomain(perm.domid))
  if (isSpecial(name)) return setSpecialPerms(context, name, kept)
  const path = validPath(session, name)
  return path === undefined ? 'EINVAL' : changed(context, setPerms(request, path, kept))
}

function setSpecialPerms({ server, session }: Context, name: string, perms: readonly Perm[]): Answer {
  if (!session.privileged) return 'EACCES'
  return server.setSpecialPerms(name, perms) ? OK : 'ENOENT'
}

/** The path and token of WATCH and UNWATCH. */
function watchArguments({
  session,
  message,
}: Context): { path: string; token: string; relative: boolean } | undefined {
  const [name, token] = exactStrings(message.payload, 2) ?? []
  if (name === undefined || token === undefined) return undefined
  if (isSpecial(name)) return { path: name, token, relative: false }
  const path = validPath(session, name)
  return path === undefined ? undefined : { path, token, relative: !name.startsWith('/') }
}

function doWatch(context: Context): Answer {
  const { server, session } = context
  const watch = watchArguments(context)
  if (watch === undefined) return 'EINVAL'
  const { path, token, relative } = watch
  if (server.watches.has(session, path, token)) return 'EEXIST'
  if (session.limits !== null && session.watchCount > session.limits.watches) return 'E2BIG'
  server.watches.add(session, path, token, relative)
  context.afterwards = () => server.watches.fireFirst(session, path, token, relative)
  return OK
}

function doUnwatch(context: Context): Answer {
  const watch = watchArguments(context)
  if (watch === undefined) return 'EINVAL'
  return context.server.watches.remove(context.session, watch.path, watch.token) ? OK : 'ENOENT'
}

function doResetWatches({ server, session }: Context): Answer {
  server.watches.removeAll(session)
  session.transactions.clear()
  return OK
}

function doTransactionStart({ server, session, transaction }: Context): Answer {
  if (transaction !== undefined) return 'EBUSY'
  const { limits } = session
  if (limits !== null && session.transactions.size > limits.transactions) return 'ENOSPC'
  do session.transactionCount = (session.transactionCount + 1) >>> 0
  while (session.transactionCount === 0 || session.transactions.has(session.transactionCount))
  const id = session.transactionCount
  const maxNodes = limits?.transactionNodes ?? Infinity
  session.transactions.set(id, new StoreTransaction(id, server.tree, maxNodes))
  return encodeStrings(String(id))
}

function doTransactionEnd({ server, session, message, transaction, open }: Context): Answer {
  const [how] = exactStrings(message.payload, 1) ?? []
  if (how !== 'T' && how !== 'F') return 'EINVAL'
  if (transaction === undefined) return 'ENOENT'
  session.transactions.delete(transaction.id)
  if (how === 'F') return OK
  if (transaction.failed) return 'ENOMEM'
  if (
    !session.privileged &&
    transaction.owned(session.domid) > server.quotas.nodes &&
    transaction.grows(session.domid)
  )
    return 'ENOSPC'
  const changes = transaction.commit()
  if (changes === false) return 'EAGAIN'
  server.tell(changes, open)
  return OK
}

/** Decimal numbers, each with its NUL. */
function numbers(message: Message, count: number): number[] | undefined {
  const strings = exactStrings(message.payload, count)
  return strings?.every((each) => /^\d{1,10}$/.test(each)) === true ? strings.map(Number) : undefined
}

function doIntroduce({ server, message }: Context): Answer {
  const [domid, gfn, port] = numbers(message, 3) ?? []
  if (domid === undefined || gfn === undefined || port === undefined) return 'EINVAL'
  return server.introduce(domid, gfn, port) ? OK : 'EINVAL'
}

function doRelease({ server, message }: Context): Answer {
  const [domid] = numbers(message, 1) ?? []
  if (domid === undefined || domid === 0) return 'EINVAL'
  return server.release(domid) ? OK : 'ENOENT'
}

function doGetDomainPath({ message }: Context): Answer {
  const [domid] = numbers(message, 1) ?? []
  return domid === undefined ? 'EINVAL' : encodeStrings(domainPath(domid))
}

function doIsDomainIntroduced({ server, message }: Context): Answer {
  const [domid] = numbers(message, 1) ?? []
  return domid === undefined ? 'EINVAL' : encodeStrings(server.isIntroduced(domid) ? 'T' : 'F')
}

/** "command\0arguments\0…"; the daemon answers an unknown one with EINVAL. */
function doControl({ server, message }: Context): Answer {
  const [command] = splitStrings(message.payload, 1).strings
  const said = command === undefined ? undefined : control(command, server)
  return said === undefined ? 'EINVAL' : encodeStrings(said)
}

const OPERATIONS: Readonly<Record<number, Operation>> = {
  [XS.CONTROL]: { run: doControl, privileged: true },
  [XS.DIRECTORY]: { run: doDirectory },
  [XS.READ]: { run: doRead },
  [XS.GET_PERMS]: { run: doGetPerms },
  [XS.WATCH]: { run: doWatch, outsideTransactions: true },
  [XS.UNWATCH]: { run: doUnwatch, outsideTransactions: true },
  [XS.TRANSACTION_START]: { run: doTransactionStart },
  [XS.TRANSACTION_END]: { run: doTransactionEnd },
  [XS.INTRODUCE]: { run: doIntroduce, privileged: true, toolstack: true },
  [XS.RELEASE]: { run: doRelease, privileged: true, toolstack: true },
  [XS.GET_DOMAIN_PATH]: { run: doGetDomainPath },
  [XS.WRITE]: { run: doWrite },
  [XS.MKDIR]: { run: doMkdir },
  [XS.RM]: { run: doRm },
  [XS.SET_PERMS]: { run: doSetPerms },
  [XS.IS_DOMAIN_INTRODUCED]: { run: doIsDomainIntroduced, privileged: true },
  [XS.RESUME]: { run: () => 'ENOSYS', privileged: true },
  [XS.SET_TARGET]: { run: () => 'ENOSYS', privileged: true },
  [XS.RESET_WATCHES]: { run: doResetWatches, outsideTransactions: true },
  [XS.DIRECTORY_PART]: { run: doDirectoryPart },
}
