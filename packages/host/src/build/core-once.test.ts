import * as core from '@netaccel/core'
import { DropCounters, KeptPages } from '@netaccel/core'
import { expect, it } from 'vitest'
import { build } from './build.js'

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A package whose frontend half shows what its `require` gave it. */
function showing(): core.PackageFiles {
  const manifest = {
    name: '@me/showing',
    version: '1.0.0',
    keywords: ['netaccel-plugin'],
    netaccel: {
      name: 'showing',
      apiVersion: { frontend: [1, 1] },
      frontend: './dist/frontend.cjs',
      capabilities: [],
    },
  }
  const artefact = `
    const core = require('@netaccel/core')
    module.exports = core.defineAccelerator({
      frontend(context) {
        context.options.show(core)
        return { newDevice: async () => 'declined' }
      },
    })`
  const files: Record<string, string> = {
    './package.json': JSON.stringify(manifest),
    './dist/frontend.cjs': artefact,
  }
  return { from: 'memory', read: (path) => (files[path] === undefined ? undefined : encode(files[path])) }
}

// A second evaluation would have classes, weak sets and tables of its own: what one makes the other does not know. Under
// vitest that happens when workspace packages are inlined; see server.deps.external in vitest.config.ts.
it('core is evaluated once: for a test, for each package, and for a plugin that is loaded into the process', async () => {
  const world = await build({
    hosts: {
      a: {
        nics: { eth0: { mac: '00:0f:53:00:00:0a' } },
        guests: { guest1: { vifs: { vif0: { mac: '00:16:3e:00:00:01' } } } },
        links: ['guest1.vif0 -> bridge', 'eth0 -> bridge'],
      },
    },
  })
  const seen: unknown[] = []
  const host = world.host('a')
  const { loader, accelerators } = host.guests.get('guest1')!.plugins
  for (let generation = 0; generation < 2; generation++) {
    await world.drive(
      loader.load(showing(), 'frontend', { options: { show: (given: unknown) => seen.push(given) } }),
    )
    await world.drive(loader.unload('showing', 'frontend'))
  }
  expect(seen).toHaveLength(2)
  for (const given of seen) expect(given).toBe(core)
  expect(accelerators.kept).toBeInstanceOf(KeptPages)
  expect(host.plugins.accelerators.kept).toBeInstanceOf(KeptPages)
  expect(host.bridge.ports[0]?.counters.dropped).toBeInstanceOf(DropCounters)
  await world.close()
})
