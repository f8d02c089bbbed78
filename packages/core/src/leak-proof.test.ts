import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { files, good, setUp } from './testing/loader-bench.js'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A half that does this in its set-up, with its context captured as every half's is. */
const doing = (work: string) => good().replace('return {', `${work}; return {`)

/** Loads it, unloads it, and says who holds it. */
async function holdersOf(text: string, manifest: Record<string, unknown> = {}): Promise<readonly string[]> {
  const { load, unload, loader } = setUp()
  await load(files(text, manifest))
  await unload()
  const { leaked } = await loader.prove(turn)
  return leaked.flatMap(({ holders }) => holders)
}

describe('a proof', () => {
  it('sees two hundred generations collected', async () => {
    const { load, unload, loader } = setUp()
    for (let n = 0; n < 200; n++) {
      await load(files(good(String(n))))
      await unload()
    }
    expect(await loader.prove(turn)).toEqual({ proven: 200, leaked: [] })
    expect(loader.status()).toEqual([])
  })

  it('names a leaked generation once it is asked for, until it is gone', async () => {
    const { load, unload, loader, events } = setUp()
    const leaks: unknown[] = []
    events.on('half_leaked', (leak) => leaks.push(leak))
    const key = 'netaccel test: a leaked half'
    const { hash } = await load(
      files(good().replace('return {', `return globalThis[${JSON.stringify(key)}] = {`)),
    )
    await unload()
    expect(loader.status()).toMatchObject([{ name: 'my_netfront', state: 'purged', holders: [] }])
    const holders = [
      'alive: half',
      'alive: context',
      `globalThis.${key}, which was not there before its load`,
    ]
    // Timers of whoever runs this test may come meanwhile, and are told as well.
    const held: unknown = expect.arrayContaining(holders)
    expect(await loader.prove(turn)).toEqual({
      proven: 0,
      leaked: [{ name: 'my_netfront', half: 'frontend', hash, holders: held }],
    })
    expect(leaks).toEqual([{ name: 'my_netfront', half: 'frontend', holders: held }])
    expect(loader.status()).toMatchObject([{ name: 'my_netfront', state: 'leaked', holders: held }])
    Reflect.deleteProperty(globalThis, key)
    expect(await loader.prove(turn)).toEqual({ proven: 1, leaked: [] })
    expect(loader.status()).toEqual([])
  })
})

describe('a plugin that leaks by', () => {
  it('a timer of Node is named with it', () => {
    const script = fileURLToPath(new URL('./testing/timer-leak.mjs', import.meta.url))
    expect(JSON.parse(execFileSync(process.execPath, ['--expose-gc', script], { encoding: 'utf8' }))).toEqual(
      [
        [
          'alive: context',
          "1 more Timeout in Node's event loop than before its load: a setTimeout or setInterval that was not cleared; use after() of the context",
        ],
      ],
    )
  })

  it('a listener on process is named with its event, though nothing else of it is alive', async () => {
    const event = 'netaccel test: an event'
    const holders = await holdersOf(doing(`process.on(${JSON.stringify(event)}, () => 'no capture')`))
    process.removeAllListeners(event)
    expect(holders).toContain(`alive: a listener on process for '${event}'`)
  })

  it("a listener of somebody else's is not accused of it", async () => {
    const { load, unload, loader } = setUp()
    const other = (): string => "not the plugin's"
    await load(files(good()))
    process.on('netaccel test: another event', other)
    await unload()
    const report = await loader.prove(turn)
    process.off('netaccel test: another event', other)
    expect(report).toEqual({ proven: 1, leaked: [] })
  })

  it('exports in another module are named with the module', async () => {
    const key = 'netaccelTestStore'
    const holders = await holdersOf(doing(`require("node:util").${key} = context`), { uses: ['node:util'] })
    const util: object = (await import('node:util')).default
    Reflect.deleteProperty(util, key)
    expect(holders).toContain('alive: context')
    expect(holders).toContain(`require('node:util').${key}, which was not there before its load`)
  })

  it('a value in a global that was there already is told where to look', async () => {
    const store: unknown[] = []
    Reflect.set(globalThis, 'netaccelTestList', store)
    const holders = await holdersOf(doing('globalThis.netaccelTestList.push(context)'))
    store.length = 0
    Reflect.deleteProperty(globalThis, 'netaccelTestList')
    expect(holders).toContain('alive: context')
    // Timers and sockets of whoever runs this test may come and go meanwhile, and are told instead.
    expect(holders.at(-1)).toMatch(/^nothing the host knows of: look for |more \w+ in Node's event loop/)
  })
})
