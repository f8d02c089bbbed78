// Another plugin in the same domains: it takes a vif of its own in every guest, is asked for every frame, and declines.
import { readPlugin } from '@netaccel/core'
import type { PackageFiles, PluginPackage } from '@netaccel/core'
import { startTraffic } from '@netaccel/host'
import type { VifValue, World, WorldValue } from '@netaccel/host'
import type { Surrounding } from './traits.js'

/** Name of its package, of its port, and of its vifs. */
export const NEIGHBOUR = 'kit-neighbour'
const VIF = 'near0'

const FILES: Readonly<Record<string, string>> = {
  './package.json': JSON.stringify({
    name: NEIGHBOUR,
    version: '1.0.0',
    keywords: ['netaccel-plugin'],
    netaccel: {
      name: NEIGHBOUR,
      apiVersion: { frontend: [1, 1], backend: [1, 1] },
      frontend: './frontend.cjs',
      backend: './backend.cjs',
      capabilities: [],
    },
  }),
  './frontend.cjs': `
const { defineAccelerator } = require('@netaccel/core')
const queue = {
  txDepth: 0, rxDepth: 0, accepts: () => false, startXmit: () => 'declined', flush() {}, hasRoom: () => true,
  poll: () => 'idle', startInterrupts: () => 'armed', stopInterrupts() {},
}
module.exports = defineAccelerator({
  frontend: () => ({ newDevice: async () => ({ openQueue: () => ({ ...queue }), remove() {} }) }),
})`,
  './backend.cjs': `
const { defineAccelerator } = require('@netaccel/core')
module.exports = defineAccelerator({
  backend: () => ({ openPort: ({ name }) => name === '${NEIGHBOUR}', probe: async () => ({ start() {}, stop() {}, remove() {} }) }),
})`,
}

/** Its package, which lies nowhere. */
export function neighbourPackage(): PluginPackage {
  const files: PackageFiles = {
    from: NEIGHBOUR,
    read: (path) => {
      const text = FILES[path]
      return text === undefined ? undefined : new TextEncoder().encode(text)
    },
  }
  return { ...readPlugin(files), files }
}

/** The vif is not the tested plugin's. */
export function isNeighbours(path: string): boolean {
  return path.endsWith(`.${VIF}`)
}

export const withNeighbours: Surrounding = {
  value: (value: WorldValue): WorldValue => {
    let count = 0
    const hosts = Object.entries(value.hosts).map(([name, host]) => {
      const links = [...(host.links ?? [])]
      const guests = Object.entries(host.guests ?? {}).map(([guest, each]) => {
        count += 1
        const near: VifValue = { mac: `00:16:3e:00:01:0${count}`, accel: NEIGHBOUR }
        links.push(`${guest}.${VIF} -> bridge`)
        return [guest, { ...each, vifs: { ...each.vifs, [VIF]: near } }]
      })
      return [name, { ...host, memory: 96, links, guests: Object.fromEntries(guests) }]
    })
    return { ...value, hosts: Object.fromEntries(hosts) as WorldValue['hosts'] }
  },
  begin: async (world: World): Promise<void> => {
    await world.load(NEIGHBOUR)
    const [one, two] = world.vifs.filter(({ path }) => isNeighbours(path))
    const traffic = startTraffic(world, one.path, two.path, { flows: 2, gapNs: 200_000 })
    await world.run({ for: 1_000_000 })
    await traffic.stop()
    await world.drain()
  },
}
