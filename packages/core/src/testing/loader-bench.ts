// A loader in a domain without a machine, and plugins that are texts, for tests.
import { settle, VirtualClock } from '@netaccel/xen'
import * as core from '../index.js'
import type {
  FrontendAccelerator,
  GenerationFacts,
  HalfContext,
  LoadOptions,
  OpenScope,
  PackageFiles,
  RegistryMember,
  WrapHalves,
} from '../index.js'

const { EventHub, Loader, Registry } = core

/** A frontend half that attaches every vif; `salt` makes the bytes differ. */
export const good = (salt = '') => `
  "use strict"
  const { defineAccelerator } = require("@netaccel/core")
  const ballast = new Array(1000).fill(${JSON.stringify(salt)})
  module.exports = defineAccelerator({
    frontend(context) {
      context.undo(() => context.log("info", "undone"))
      return { newDevice: async () => "declined", ballast, context }
    },
  })`

export function files(
  frontend: string,
  netaccel: Record<string, unknown> = {},
): PackageFiles & { reads: string[] } {
  const manifest = {
    name: '@me/my-accelerator',
    version: '1.2.3',
    keywords: ['netaccel-plugin'],
    netaccel: {
      name: 'my_netfront',
      apiVersion: { frontend: [1, 1] },
      frontend: './dist/frontend.cjs',
      capabilities: [],
      ...netaccel,
    },
  }
  const reads: string[] = []
  return {
    from: 'memory',
    reads,
    read(path) {
      reads.push(path)
      const text = { './package.json': JSON.stringify(manifest), './dist/frontend.cjs': frontend }[path]
      return text === undefined ? undefined : new TextEncoder().encode(text)
    },
  }
}

/** The scope of a generation, reduced to what a set-up needs; undoes newest first. */
function testScope(facts: GenerationFacts, log: { push(text: string): void }): OpenScope {
  const undos: (() => void | Promise<void>)[] = []
  const abort = new AbortController()
  const context: HalfContext = {
    name: facts.name,
    version: facts.version,
    domain: 1,
    options: facts.options,
    signal: abort.signal,
    requestUnload: facts.requestUnload,
    now: () => 0,
    after: () => ({ cancel() {}, again() {} }),
    task() {},
    counter(name) {
      const counter = facts.description.counter(name)
      if (counter === undefined) throw new core.AcceleratorError('BAD_ARGUMENT', `counter ${name}`)
      return counter
    },
    log: (_level, text) => log.push(text),
    undo: (work) => void undos.push(work),
    child() {
      throw new core.AcceleratorError('CLOSED', 'no children here')
    },
  }
  return {
    context,
    async close(forced) {
      abort.abort()
      for (const undo of undos.toReversed()) await undo()
      log.push(forced ? 'scope closed by force' : 'scope closed')
      return { tasks: [], failures: [] }
    },
  }
}

export function setUp(
  versions: readonly [number, number] = [1, 1],
  inDriverDomain = false,
  { onLog, wrap }: { readonly onLog?: () => void; readonly wrap?: WrapHalves } = {},
) {
  const timeline = new VirtualClock()
  const engine = timeline.engine('guest')
  const log: string[] = []
  const events = new EventHub()
  const registry = new Registry<FrontendAccelerator>({
    side: 'frontend',
    clock: engine,
    inDriverDomain,
    versions,
    ...(wrap !== undefined && { wrap }),
    events,
  })
  const loader = new Loader({
    core,
    clock: engine,
    frontend: registry,
    openScope: (facts) =>
      testScope(facts, {
        push(text) {
          log.push(text)
          onLog?.()
        },
      }),
    ...(wrap !== undefined && { wrap }),
    events,
  })
  const load = (from: PackageFiles, options?: LoadOptions) =>
    settle(timeline, loader.load(from, 'frontend', options))
  const unload = () => settle(timeline, loader.unload('my_netfront', 'frontend'))
  return { timeline, engine, registry, loader, log, events, load, unload }
}

export const vif = (
  name: string,
  outcome: () => 'attached' | 'declined',
): RegistryMember<FrontendAccelerator> => ({
  name,
  attach: async () => outcome(),
  detach: async () => {},
})
