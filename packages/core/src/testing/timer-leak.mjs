// A plugin that leaves a timer of Node behind, in a process where nothing else has one: prints who a proof says holds it.
import { settle, VirtualClock } from '@netaccel/xen'
import * as core from '@netaccel/core'

const text = `
  module.exports = require("@netaccel/core").defineAccelerator({
    frontend(context) {
      setInterval(() => context.now(), 1e6)
      return { newDevice: async () => "declined" }
    },
  })`
const manifest = {
  keywords: ['netaccel-plugin'],
  netaccel: { name: 'ticking', apiVersion: { frontend: [1, 1] }, frontend: './f.cjs', capabilities: [] },
}
const files = { './package.json': JSON.stringify(manifest), './f.cjs': text }
const timeline = new VirtualClock()
const clock = timeline.engine('guest')
const frontend = new core.Registry({ side: 'frontend', clock, inDriverDomain: false })
const openScope = () => ({
  context: { now: () => 0 },
  close: () => Promise.resolve({ tasks: [], failures: [] }),
})
const loader = new core.Loader({ core, clock, frontend, openScope })

async function loadAndUnload() {
  const read = (path) => new TextEncoder().encode(files[path])
  await settle(
    timeline,
    loader.load({ from: 'memory', read }, 'frontend').then(() => {}),
  )
  await settle(
    timeline,
    loader.unload('ticking', 'frontend').then(() => {}),
  )
}

await loadAndUnload()
// oxlint-disable-next-line no-restricted-globals -- what a test does, in a process of its own
const { leaked } = await loader.prove(() => new Promise((resolve) => setImmediate(resolve)))
console.log(JSON.stringify(leaked.map(({ holders }) => holders)))
process.exit(0)
