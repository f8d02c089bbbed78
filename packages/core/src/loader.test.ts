import { createHash } from 'node:crypto'
import { settle } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { files, good, setUp, vif } from './testing/loader-bench.js'

describe('a load', () => {
  it('reads the manifest first and each artefact once, and says what it loaded', async () => {
    const { load, registry } = setUp()
    const from = files(good())
    const loaded = await load(from)
    expect(from.reads).toEqual(['./package.json', './dist/frontend.cjs'])
    expect(loaded).toEqual({
      name: 'my_netfront',
      half: 'frontend',
      version: 1,
      hash: createHash('sha256').update(good()).digest('hex'),
      packageName: '@me/my-accelerator',
      packageVersion: '1.2.3',
    })
    expect(registry.state('my_netfront')?.state).toBe('loaded')
  })

  it('agrees on the highest version that both have, and hands it to the half', async () => {
    const seen = `
      const { defineAccelerator } = require("@netaccel/core")
      exports.default = defineAccelerator({
        frontend: (context) => ({ newDevice: async () => "declined", said: context.log("info", context.version + " " + context.options.who) }),
      })`
    const { load, log } = setUp([1, 3])
    const from = files(seen, { apiVersion: { frontend: [2, 9] } })
    expect((await load(from, { options: { who: 'me' } })).version).toBe(3)
    expect(log).toEqual(['3 me'])
  })

  it.each([
    [[5, 6], 'ENEWER', 'works at 5 to 6, this host provides 2 to 4'],
    [[1, 1], 'EPROTO', 'works at 1 to 1, this host provides 2 to 4'],
  ] as const)('of %j is refused with %s', async (range, code, text) => {
    const { load, registry } = setUp([2, 4])
    const refused = load(files(good(), { apiVersion: { frontend: range } }))
    await expect(refused).rejects.toMatchObject({ code, detail: `my_netfront (frontend) ${text}` })
    expect(registry.status()).toEqual([])
  })

  it('at a version that is asked for must be in both ranges', async () => {
    const { load } = setUp([1, 4])
    const from = () => files(good(), { apiVersion: { frontend: [2, 3] } })
    expect((await load(from(), { version: 2 })).version).toBe(2)
    await expect(setUp([1, 4]).load(from(), { version: 4 })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
  })

  it('into the driver domain is EINVAL, into a domain that takes no backend NO_HALF', async () => {
    await expect(setUp([1, 1], true).load(files(good()))).rejects.toMatchObject({ code: 'EINVAL' })
    const { loader } = setUp()
    await expect(loader.load(files(good()), 'backend')).rejects.toMatchObject({ code: 'NO_HALF' })
  })

  it('sets up what a wrapper has put in the place of the halves', async () => {
    const seen: string[] = []
    const { load, registry } = setUp([1, 1], false, {
      wrap: (halves, { name, half }) => {
        seen.push(`${half} ${name}`)
        return {
          frontend: async (context) => {
            const inner = await halves.frontend?.(context)
            return { newDevice: async (device) => (await inner?.newDevice(device)) ?? 'declined' }
          },
        }
      },
    })
    await load(files(good()))
    const [accelerator] = registry.status()
    expect([seen, accelerator.state]).toEqual([['frontend my_netfront'], 'loaded'])
  })

  it('of a name that is loaded is EEXIST', async () => {
    const { load } = setUp()
    await load(files(good()))
    await expect(load(files(good('other')))).rejects.toMatchObject({ code: 'EEXIST' })
  })

  it.each([
    ['module.exports = {', 'BAD_ARTEFACT', 'does not compile as CommonJS'],
    ['throw new Error("no")', 'BAD_ARTEFACT', 'threw while it was evaluated: no'],
    [
      'module.exports = { frontend() {}, contract: 1 }',
      'BAD_ARTEFACT',
      'does not export what defineAccelerator()',
    ],
    [
      'module.exports = require("@netaccel/core").defineAccelerator({ backend() {} })',
      'BAD_ARTEFACT',
      'has no frontend half; its defineAccelerator() has backend',
    ],
    ['require("node:fs")', 'BAD_REQUIRE', 'memory/dist/frontend.cjs requires "node:fs"'],
    ['require("./other.cjs")', 'BAD_REQUIRE', 'requires "./other.cjs"'],
    [good().replace('return {', 'throw new Error("no VI left"); return {'), 'SETUP_FAILED', 'no VI left'],
    [good().replace('newDevice', 'newdevice'), 'SETUP_FAILED', 'what it returned has no newDevice'],
  ])('of %j is %s and leaves nothing', async (text, code, detail) => {
    const { load, registry, loader } = setUp()
    await expect(load(files(text))).rejects.toMatchObject({ code, detail: expect.stringContaining(detail) })
    expect(loader.loaded).toEqual([])
    expect(registry.state('my_netfront')).toBe(undefined)
    expect((await load(files(good()))).name).toBe('my_netfront')
  })

  it('gives node: modules that are declared, and refuses import()', async () => {
    const { load, log } = setUp()
    const text = good().replace(
      'return {',
      `context.log("info", require("node:path").sep);
       return import("node:fs").catch((error) => context.log("info", error.code)).then(() => ({`,
    )
    await load(files(text.replace('context }', 'context }))'), { uses: ['node:path'] }))
    expect(log).toEqual(['/', 'ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING'])
  })

  it('that takes longer than 2 s is called off, and its scope undone by force', async () => {
    const { load, log, timeline } = setUp()
    const slow = good().replace('return {', 'return new Promise(() => {}); return {')
    await expect(load(files(slow))).rejects.toMatchObject({ code: 'DEADLINE' })
    expect(timeline.now()).toBe(2_000_000_000)
    expect(log).toEqual(['undone', 'scope closed by force'])
  })

  it('that is unloaded during its set-up is called off', async () => {
    const { loader, timeline, engine } = setUp()
    const slow = good().replace('return {', 'return new Promise(() => {}); return {')
    engine.after(1000, () => void loader.unload('my_netfront', 'frontend'))
    await expect(settle(timeline, loader.load(files(slow), 'frontend'))).rejects.toMatchObject({
      code: 'ABORTED',
    })
    expect(timeline.now()).toBe(1000)
  })
})

describe('an unload', () => {
  it('closes the scope when the last lease is gone, and the name can be loaded again', async () => {
    const { load, unload, log, registry, loader } = setUp()
    const { hash } = await load(files(good()))
    expect(await unload()).toMatchObject({
      name: 'my_netfront',
      half: 'frontend',
      hash,
      generation: 1,
      forced: false,
    })
    expect(log).toEqual(['undone', 'scope closed'])
    expect(registry.state('my_netfront')).toBe(undefined)
    expect(loader.loaded).toEqual([])
    await load(files(good()))
    expect(registry.state('my_netfront')?.generation).toBe(2)
  })

  it('that the half asks for itself begins after its hook has returned', async () => {
    const { load, timeline, loader, log } = setUp()
    const text = good().replace(
      'return {',
      'context.requestUnload("tired"); context.log("info", "still here"); return {',
    )
    await load(files(text))
    expect(loader.loaded).toHaveLength(1)
    await timeline.run()
    expect(log).toEqual(['still here', 'undone', 'scope closed'])
    expect(loader.loaded).toEqual([])
  })

  it('defers a load until the scope of the old generation is closed', async () => {
    const { load, loader, timeline, log } = setUp()
    await load(files(good()))
    const all = Promise.all([
      loader.unload('my_netfront', 'frontend'),
      loader.load(files(good().replace('return {', 'context.log("info", "set up"); return {')), 'frontend'),
    ])
    await settle(timeline, all)
    expect(log).toEqual(['undone', 'scope closed', 'set up'])
  })
})

describe('an upgrade', () => {
  it('puts the new bytes in place of the old', async () => {
    const { load, loader, timeline, registry } = setUp()
    const { hash } = await load(files(good()))
    registry.request(
      'my_netfront',
      vif('vif1.0', () => 'attached'),
    )
    const report = await settle(timeline, loader.upgrade(files(good('new')), 'frontend'))
    expect(report).toMatchObject({ rolledBack: false, unloaded: { hash, detached: ['vif1.0'] } })
    expect(report.loaded.hash).not.toBe(hash)
    expect(registry.state('my_netfront')).toMatchObject({ generation: 2, use: 'active' })
  })

  it('goes back to the old bytes when the set-up of the new fails', async () => {
    const { load, loader, timeline, registry } = setUp()
    const { hash } = await load(files(good()))
    registry.request(
      'my_netfront',
      vif('vif1.0', () => 'attached'),
    )
    const broken = good().replace('return {', 'throw new Error("no"); return {')
    const report = await settle(timeline, loader.upgrade(files(broken), 'frontend'))
    expect(report).toMatchObject({ rolledBack: true, loaded: { hash }, cause: { code: 'SETUP_FAILED' } })
    expect(registry.state('my_netfront')).toMatchObject({ state: 'loaded', use: 'active' })
  })

  it('goes back to the old bytes when no vif attaches to the new', async () => {
    const { load, loader, timeline, registry } = setUp()
    const { hash } = await load(files(good()))
    let attaches = 0
    registry.request(
      'my_netfront',
      vif('vif1.0', () => (++attaches === 2 ? 'declined' : 'attached')),
    )
    const report = await settle(timeline, loader.upgrade(files(good('new')), 'frontend'))
    expect(report).toMatchObject({ rolledBack: true, loaded: { hash } })
    expect(attaches).toBe(3)
    expect(registry.state('my_netfront')?.use).toBe('active')
  })

  it('of what is not loaded is NOT_LOADED', async () => {
    const { loader } = setUp()
    await expect(loader.upgrade(files(good()), 'frontend')).rejects.toMatchObject({ code: 'NOT_LOADED' })
  })
})
