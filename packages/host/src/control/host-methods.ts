// The methods of `host.sock`, as a table: name, parameters, and what is done.
import { HostError } from '../errors.js'
import type { WorldStatus } from '../check/status.js'
import type { Controlled } from './controlled.js'
import { addPlugin } from './host-add.js'
import type { Stream } from './host-connection.js'
import { checkParams, type ParamKind, type Params } from './host-params.js'
import {
  type HalfPlace,
  halvesOf,
  loadPlugin,
  pluginList,
  unloadPlugin,
  upgradePlugin,
} from './host-plugins.js'
import type { HostRequest } from './host-protocol.js'
import { top } from './host-top.js'
import { traceFrames } from './host-trace.js'
import { attachVif, detachVif } from './host-vifs.js'

/** What `status` and the items of `top` are. */
export interface HostStatus extends WorldStatus {
  readonly name: string
  readonly pid: number
  readonly project: string
  readonly file: string | null
  readonly runDir: string
  readonly clock: 'virtual' | 'real'
  /** Nanoseconds of the machine's clock that the world's could not keep up with. */
  readonly behindNs: number
  readonly halves: readonly HalfPlace[]
}

interface Method<Kinds extends Readonly<Record<string, ParamKind>>> {
  readonly params: Kinds
  readonly run: (host: Controlled, params: Params<Kinds>, stream: Stream) => unknown
}

/** Keeps the kinds of a method's parameters, so that `run` gets them by their types. */
function method<const Kinds extends Readonly<Record<string, ParamKind>>>(
  params: Kinds,
  run: Method<Kinds>['run'],
): Method<Kinds> {
  return { params, run }
}

/** The same for what changes the world or its project, or must not see it change: one at a time, in the order asked. */
function turn<const Kinds extends Readonly<Record<string, ParamKind>>>(
  params: Kinds,
  run: Method<Kinds>['run'],
): Method<Kinds> {
  return { params, run: (host, given, stream) => inTurn(host.world, () => run(host, given, stream)) }
}

const METHODS = {
  status: method({}, (host) => hostStatus(host)),
  list: method({}, (host) => pluginList(host)),
  add: turn({ spec: 'text', integrity: 'text?' }, ({ project }, params) => addPlugin({ project, ...params })),
  load: turn({ plugin: 'text', hosts: 'texts?', options: 'object?', integrity: 'text?' }, loadPlugin),
  unload: turn({ plugin: 'text', hosts: 'texts?', prove: 'yes?', deadlineMs: 'number?' }, unloadPlugin),
  upgrade: turn({ plugin: 'text', hosts: 'texts?', options: 'object?', integrity: 'text?' }, upgradePlugin),
  prove: turn({}, ({ world }) => world.prove()),
  attach: turn({ vif: 'text', port: 'text' }, (host, { vif, port }) => attachVif(host, vif, port)),
  detach: turn({ vif: 'text' }, (host, { vif }) => detachVif(host, vif)),
  top: method({ intervalMs: 'number?', count: 'number?' }, (host, params, stream) =>
    top(host, params, () => hostStatus(host), stream),
  ),
  trace: method({ flow: 'text?', count: 'number?', pcap: 'text?' }, traceOnce),
  stop: method({}, (host) => {
    host.stop()
    return {}
  }),
}

/** The names of the methods; `cancel`, which ends a stream, is the connection's own. */
export const METHOD_NAMES: readonly string[] = [...Object.keys(METHODS), 'cancel']

/** Do what a request asks. @throws HostError, AcceleratorError: they are the answer */
export async function answer(host: Controlled, request: HostRequest, stream: Stream): Promise<unknown> {
  const { method: name, params } = request
  if (!Object.hasOwn(METHODS, name)) {
    const sentence = `There is no method "${name.slice(0, 64)}"; there are ${METHOD_NAMES.join(', ')}.`
    throw new HostError('NO_METHOD', sentence, [], undefined, {
      given: name.slice(0, 64),
      known: METHOD_NAMES,
    })
  }
  const found = METHODS[name as keyof typeof METHODS] as Method<Readonly<Record<string, ParamKind>>>
  return found.run(host, checkParams(name, found.params, params), stream)
}

export function hostStatus({ world, name, project, file, runDir }: Controlled): HostStatus {
  return {
    name,
    pid: process.pid,
    project,
    file: file ?? null,
    runDir,
    clock: world.timeline.virtual ? 'virtual' : 'real',
    behindNs: world.pace.behindNs,
    halves: halvesOf(world),
    ...world.status(),
  }
}

/** By world: settles when what was asked last is done. */
const TURNS = new WeakMap<object, Promise<unknown>>()

/** What several clients ask of a world is done one after the other, and what one of them asks also when it has gone. */
function inTurn(world: object, work: () => unknown): Promise<unknown> {
  const mine = (TURNS.get(world) ?? Promise.resolve()).then(work)
  TURNS.set(
    world,
    mine.catch(() => undefined),
  )
  return mine
}

/** Worlds that are traced now: a stage has one place for a watcher. */
const TRACED = new WeakSet<object>()

async function traceOnce(host: Controlled, params: Parameters<typeof traceFrames>[1], stream: Stream) {
  if (TRACED.has(host.world))
    throw new HostError('BUSY', 'Another client traces this host; a world has one trace at a time.')
  TRACED.add(host.world)
  try {
    return await traceFrames(host, params, stream)
  } finally {
    TRACED.delete(host.world)
  }
}
