// What crosses the border between host and plugin: for each kind of object who calls it, which of its results and arguments
// are such objects again, and which arguments are functions that the other side will call.
import type { ShapeName } from './calls.js'

/** What stands behind an argument. `later`: a function that is called back. */
export type ArgumentShape = ShapeName | 'later' | null

export interface MethodShape {
  readonly args?: readonly ArgumentShape[]
  readonly result?: ShapeName
  /** Fields of the first argument that may hold wrapped objects. */
  readonly unwrap?: readonly string[]
}

export interface Shape {
  /** `hook`: the plugin's object, which the host calls. `door`: the host's, which the plugin calls. */
  readonly role: 'hook' | 'door'
  readonly methods: Readonly<Record<string, MethodShape>>
  /** Properties that hold such objects. */
  readonly props?: Readonly<Record<string, ShapeName>>
}

const plain: MethodShape = {}

const scope: Record<string, MethodShape> = {
  after: { args: [null, 'later'], result: 'timer' },
  task: { args: [null, 'later'] },
  counter: plain,
  log: plain,
  undo: { args: ['later'] },
  child: { result: 'scope' },
  close: plain,
}

const vifScope: Record<string, MethodShape> = {
  ...scope,
  arena: plain,
  grant: plain,
  endGrant: plain,
  map: { result: 'mapping' },
  mapIo: { result: 'ioPage' },
  copy: plain,
  listen: { args: ['later'], result: 'channel' },
  connect: { args: [null, 'later'], result: 'channel' },
  requestDetach: plain,
}

const vi: Record<string, MethodShape> = {
  register: plain,
  unregister: plain,
  onWake: { args: ['later'] },
  quiesce: plain,
  close: plain,
}

const vifHooks: Record<string, MethodShape> = { change: plain, stats: plain, remove: plain }

const hook = (methods: Shape['methods'], props?: Shape['props']): Shape => ({
  role: 'hook',
  methods,
  ...(props && { props }),
})
const door = (methods: Shape['methods'], props?: Shape['props']): Shape => ({
  role: 'door',
  methods,
  ...(props && { props }),
})

export const SHAPES: Readonly<Record<ShapeName, Shape>> = {
  halves: hook({
    frontend: { args: ['context'], result: 'frontend' },
    backend: { args: ['context'], result: 'backend' },
    hardware: { args: ['hardwareContext'], result: 'hardware' },
  }),
  context: door({ ...scope, requestUnload: plain }),
  scope: door(scope),
  timer: door({ cancel: plain, again: plain }),
  // --- the frontend half
  frontend: hook({ newDevice: { args: ['frontendVif'], result: 'vif' } }),
  frontendVif: door(
    { ...vifScope, child: { result: 'frontendVif' }, pool: { result: 'pool' } },
    { keys: 'keys' },
  ),
  vif: hook({ openQueue: { args: ['queueDoors'], result: 'queue' }, ...vifHooks }),
  queueDoors: door({
    deliver: plain,
    completeTx: plain,
    failTx: plain,
    dropRx: plain,
    schedule: plain,
    wake: plain,
    charge: plain,
  }),
  queue: hook({
    accepts: plain,
    startXmit: plain,
    flush: plain,
    hasRoom: plain,
    poll: plain,
    startInterrupts: plain,
    stopInterrupts: plain,
  }),
  // --- the backend half
  backend: hook({ openPort: { args: ['port'] }, probe: { args: ['backendVif'], result: 'probed' } }),
  backendVif: door(
    {
      ...vifScope,
      child: { result: 'backendVif' },
      createVi: { result: 'vi', unwrap: ['rings'] },
      insertFilter: { result: 'filter' },
      queueFor: plain,
      observe: { args: ['guestObserver'] },
      punish: plain,
    },
    { keys: 'keys', port: 'port' },
  ),
  probed: hook({ start: plain, stop: plain, ...vifHooks }),
  port: door({ ...scope, can: plain, observe: { args: ['portObserver'] } }),
  guestObserver: hook({ fromGuest: plain, toGuest: plain }),
  portObserver: hook({ received: plain, transmitted: plain }),
  vi: door(vi),
  filter: door({ hits: plain, remove: plain }),
  // --- what both have
  keys: door({
    read: plain,
    readPeer: plain,
    write: plain,
    watch: { args: [null, 'later'] },
    watchPeer: { args: [null, 'later'] },
  }),
  pool: door({ take: plain }),
  mapping: door({ unmap: plain }),
  ioPage: door({ write32: plain, read32: plain }),
  channel: door({ notify: plain, mask: plain, unmask: plain }),
  // --- the hardware half
  hardwareContext: door(
    { ...scope, received: plain, pool: { result: 'pool' }, memory: plain, ioPage: { args: ['later'] } },
    { wire: 'wire' },
  ),
  wire: door({
    onLink: { args: ['later'] },
    send: plain,
    onSent: { args: ['later'] },
    onFrame: { args: ['later'] },
    ready: plain,
  }),
  hardware: hook(
    {
      observe: { args: ['portObserver'] },
      onChange: { args: ['later'] },
      transmit: plain,
      handedOver: plain,
    },
    { vis: 'hardwareVis', filters: 'hardwareFilters' },
  ),
  hardwareVis: hook({ create: { result: 'hardwareVi', unwrap: ['rings'] } }),
  hardwareVi: hook(vi),
  hardwareFilters: hook({ supports: plain, insert: { result: 'hardwareFilter' } }),
  hardwareFilter: hook({ hits: plain, remove: plain }),
}
