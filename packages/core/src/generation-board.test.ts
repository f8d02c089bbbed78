import { settle } from '@netaccel/xen'
import { expect, it } from 'vitest'
import { files, good, setUp, vif } from './testing/loader-bench.js'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

it('a generation is seen in every state of its way, and the one that waits for it beside it', async () => {
  const seen: string[] = []
  const look = (): void => {
    // Whether what is purged was collected already is the collector's affair.
    const standing = loader.status().filter(({ state }) => state !== 'purged')
    const states = standing.map(({ state, use }) => (use === 'none' ? state : `${state}, ${use}`))
    if (states.length > 0 && seen.at(-1) !== states.join(' + ')) seen.push(states.join(' + '))
  }
  const { loader, timeline, registry, engine, events } = setUp([1, 1], false, { onLog: look })
  events.onAny(look)
  const first = loader.load(files(good('one')), 'frontend')
  look()
  await settle(
    timeline,
    first.then(() => {}),
  )
  registry.request('my_netfront', {
    ...vif('vif1.0', () => 'attached'),
    detach: () => new Promise((resolve) => engine.after(1000, resolve)),
  })
  await registry.settled('my_netfront')
  look()
  const gone = loader.unload('my_netfront', 'frontend')
  const second = loader.load(files(good('two')), 'frontend')
  await settle(
    timeline,
    Promise.all([gone, second]).then(() => {}),
  )
  await registry.settled('my_netfront')
  look()
  expect(seen).toEqual([
    'resolved',
    'loading',
    'loaded',
    'loaded, probed',
    'loaded, active',
    'draining, active',
    'draining + deferred',
    'disposed + deferred',
    'deferred',
    'loading',
    'loaded',
    'loaded, probed',
    'loaded, active',
  ])
  await loader.prove(turn)
  expect(loader.status()).toMatchObject([
    { state: 'loaded', use: 'active', packageVersion: '1.2.3', version: 1 },
  ])
})

it('one whose load fails, or is called off while it waits, is not seen any more', async () => {
  const { loader, load, timeline, registry } = setUp()
  await expect(load(files(good().replace('return {', 'throw new Error("no"); return {')))).rejects.toThrow(
    'no',
  )
  expect(loader.status()).toEqual([])
  await load(files(good()))
  void registry.stop('my_netfront', 'unloaded')
  const waits = loader.load(files(good('next')), 'frontend')
  waits.catch(() => {})
  expect(loader.status().map(({ state }) => state)).toContain('deferred')
  await settle(
    timeline,
    loader.unload('my_netfront', 'frontend').then(() => {}),
  )
  await expect(waits).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(loader.status().filter(({ state }) => state !== 'purged')).toEqual([])
})
