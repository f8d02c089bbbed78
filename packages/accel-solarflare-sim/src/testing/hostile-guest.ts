// A frontend half that breaks the protocol on purpose, as a package in memory: it goes through the loader like any other,
// and meets our backend half over real grants, event channels and the store.
import type { PackageFiles } from '@netaccel/core'

/** What it does once it has been greeted, or before. */
export type Crime = 'greedy' | 'odd' | 'forged' | 'early' | 'index' | 'babble' | 'silent'

const TEXT = `
'use strict'
const { defineAccelerator, AccelState, MessagePages, messageViews } = require('@netaccel/core')

function message(id, words) {
  const view = new DataView(new ArrayBuffer(128))
  view.setUint32(0, id, true)
  for (const [at, value] of Object.entries(words)) view.setUint32(Number(at), value, true)
  return new Uint8Array(view.buffer)
}

async function newDevice(vif, crime) {
  const arena = vif.arena(2)
  const spare = vif.arena(8)
  const views = messageViews(arena)
  let pages
  let offers = 0
  const grants = () => spare.pages.map((page) => vif.grant(page, 'rw'))
  const ask = (pageCount, refs) => {
    const words = { 4: offers++, 8: pageCount }
    refs.forEach((ref, i) => { words[12 + 4 * i] = ref })
    pages.send(message(4, words), 'reply')
  }
  const commit = () => {
    if (crime === 'greedy') ask(8, grants())
    if (crime === 'odd') for (const count of [0, 3, 9, 0xffffffff]) ask(count, grants())
    if (crime === 'forged') ask(2, [60000, 0])
    if (crime === 'silent') vif.map([pages.message.getUint32(8, true)], 'rw')
    if (crime === 'babble') for (let i = 0; i < 10; i++) pages.send(message((0x1234 + i) >>> 0, {}), 'reply')
  }
  const read = () => {
    if (pages === undefined) return
    pages.announced()
    while (pages.receive() === 'message') {
      const id = pages.message.getUint32(0, true)
      vif.log('info', 'got ' + id.toString(16))
      if (id === 1) {
        if (crime === 'early') ask(8, grants())
        pages.send(message(0x80000001, { 4: 0x1000, 8: 0xffffffff }), 'reply')
      }
      if (id === 2) commit()
      if (id === 0x80000004 && crime === 'greedy') commit()
    }
  }
  const channel = vif.listen(() => vif.task('read', async () => read()))
  const net = vif.listen(() => {})
  pages = new MessagePages({ side: 'frontend', ...views, notify: () => channel.notify() })
  const setUp = async () => {
    const [control, messages] = arena.pages.map((page) => vif.grant(page, 'rw'))
    return vif.keys.write({
      'accel-ctrl-page': String(control),
      'accel-msg-page': String(messages),
      'accel-msg-channel': String(channel.port),
      'accel-net-channel': String(net.port),
    })
  }
  if (crime === 'silent') {
    // Connects, and from then on follows nothing and lets nothing go.
    await vif.keys.write({ accelstate: '1' })
    while ((await vif.keys.readPeer('accelstate')) !== '1') await new Promise((resolve) => vif.after(1, resolve))
    await setUp()
    await vif.keys.write({ accelstate: '4' })
    return new Promise(() => {})
  }
  const state = new AccelState({
    side: 'frontend',
    scope: vif,
    work: {
      setUp,
      release() {},
      connected() {
        if (crime !== 'index') return
        views.control.view.setUint32(views.control.offset + 16, 0xdeadbeef, true)
        channel.notify()
      },
    },
  })
  await state.start()
  await new Promise((resolve) => vif.after(100, resolve))
  await state.close(500)
  return 'declined'
}

module.exports = defineAccelerator({
  frontend: (context) => ({ newDevice: (vif) => newDevice(vif, context.options.crime) }),
})
`

const PACKAGE = {
  name: 'hostile-guest',
  version: '1.0.0',
  keywords: ['netaccel-plugin'],
  netaccel: {
    name: 'sfc_netfront',
    apiVersion: { frontend: [1, 1] },
    frontend: './frontend.cjs',
    capabilities: [],
  },
}

/** The package, to be loaded with the option `crime`. */
export function hostileGuest(): PackageFiles {
  const files: Readonly<Record<string, string>> = {
    './package.json': JSON.stringify(PACKAGE),
    './frontend.cjs': TEXT,
  }
  return {
    from: 'memory',
    read(path) {
      const text = files[path]
      return text === undefined ? undefined : new TextEncoder().encode(text)
    },
  }
}
