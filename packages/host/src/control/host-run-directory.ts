import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { connect, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { HostError } from '../errors.js'

/** The socket of {@link HostServer} in its run directory. */
export const HOST_SOCKET = 'host.sock'
/** The longest path of a socket: 108 bytes with the zero at its end (unix(7)). */
const MOST_PATH = 107
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/

/** Where the run directories of this user's hosts are: under $XDG_RUNTIME_DIR, or in a folder of the user's own. */
export function runRoot(): string {
  const runtime = process.env['XDG_RUNTIME_DIR']
  if (runtime !== undefined && runtime !== '') return join(runtime, 'netaccel')
  return join(tmpdir(), `netaccel-${process.getuid?.() ?? 'user'}`)
}

/** The run directory of a host by its name. @throws HostError BAD_RUN_DIR if it is no name for a folder */
export function runDirectoryOf(name: string): string {
  if (NAME.test(name)) return join(runRoot(), name)
  throw new HostError(
    'BAD_RUN_DIR',
    `"${name}" cannot be the name of a host: use letters, digits, dot, dash and underscore, at most 64.`,
  )
}

/**
 * Make a run directory, or take the one that is there: it must be a folder of this user's that nobody else can enter.
 * @throws HostError BAD_RUN_DIR
 */
export function openRunDirectory(path: string): string {
  const folder = resolve(path)
  const socket = join(folder, HOST_SOCKET)
  if (Buffer.byteLength(socket) > MOST_PATH)
    throw new HostError(
      'BAD_RUN_DIR',
      `The path ${socket} is longer than the ${MOST_PATH} bytes that a socket may have; choose a shorter run directory.`,
    )
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new HostError(
      'BAD_RUN_DIR',
      `The run directory ${folder} cannot be made: ${(cause as Error).message}.`,
      [],
      cause,
    )
  }
  // Whoever may write the folder above could put another in the place of ours.
  if (dirname(folder) === resolve(runRoot())) checkOwn(dirname(folder))
  checkOwn(folder)
  return folder
}

/** @throws HostError BAD_RUN_DIR unless it is a folder of this user's that nobody else can enter */
function checkOwn(folder: string): void {
  const stat = lstatSync(folder)
  if (!stat.isDirectory())
    throw new HostError(
      'BAD_RUN_DIR',
      `The run directory ${folder} is a link, and no folder of its own; choose another.`,
    )
  const isOurs = process.getuid === undefined || process.getuid() === stat.uid
  if (isOurs && (stat.mode & 0o077) === 0) return
  throw new HostError(
    'BAD_RUN_DIR',
    `The run directory ${folder} ${isOurs ? 'can be entered by others' : 'belongs to another user'}: make it yours alone (mode 0700), or choose another.`,
  )
}

/** Whether somebody listens on a socket: 'none': there is none, or it is no socket; 'dead': its host has ended. */
export function probeSocket(path: string): Promise<'live' | 'dead' | 'none'> {
  return new Promise((settle) => {
    const socket = connect(path)
    socket.on('connect', () => {
      socket.destroy()
      settle('live')
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // A listener whose queue is full (EAGAIN) lives.
      if (error.code === 'ECONNREFUSED') settle('dead')
      else settle(error.code === 'ENOENT' || error.code === 'ENOTSOCK' ? 'none' : 'live')
    })
  })
}

/**
 * Make room for a socket: one that a dead host has left is removed. Returns whether there was one.
 * @throws HostError HOST_RUNS if a live host listens there, BAD_RUN_DIR if it is no socket
 */
export async function clearSocket(path: string): Promise<boolean> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === false)
    throw new HostError(
      'BAD_RUN_DIR',
      `${path} is there and is no socket; remove it, or choose another directory.`,
    )
  const found = await probeSocket(path)
  if (found === 'live')
    throw new HostError(
      'HOST_RUNS',
      `A host runs already with ${path}; stop it with \`netaccel stop\`, or choose another --name.`,
    )
  rmSync(path, { force: true })
  return found === 'dead'
}

/** Let a server listen at a socket that only this user can open. @throws HostError HOST_RUNS, BAD_RUN_DIR */
export function listenAt(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const refused = (cause: NodeJS.ErrnoException): void => {
      const taken = cause.code === 'EADDRINUSE'
      const sentence = taken
        ? `A host runs already with ${path}.`
        : `Nobody can listen at ${path}: ${cause.message}.`
      reject(new HostError(taken ? 'HOST_RUNS' : 'BAD_RUN_DIR', sentence, [], cause))
    }
    server.once('error', refused)
    server.listen(path, () => {
      server.off('error', refused)
      // What a listener meets later (too many open files) ends no host.
      server.on('error', () => undefined)
      chmodSync(path, 0o600)
      resolve()
    })
  })
}

/** A host that was found in the run root. */
export interface FoundHost {
  readonly name: string
  readonly runDir: string
}

/** The hosts of this user that run now, by name. @throws HostError BAD_RUN_DIR when somebody else could have put them there */
export async function runningHosts(root: string = runRoot()): Promise<FoundHost[]> {
  if (!existsSync(root)) return []
  checkOwn(root)
  const found = await Promise.all(
    foldersIn(root).map(async (name) => {
      const runDir = join(root, name)
      return (await probeSocket(join(runDir, HOST_SOCKET))) === 'live' ? [{ name, runDir }] : []
    }),
  )
  return found.flat()
}

function foldersIn(root: string): string[] {
  try {
    return readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .toSorted()
  } catch {
    return []
  }
}
