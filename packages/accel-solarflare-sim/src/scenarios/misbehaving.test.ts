// Scenario 25: a guest keeps pages mapped that its accelerator has given up. The host's setting says what is done with it.
import { readPlugin } from '@netaccel/core'
import type { HostValue } from '@netaccel/host'
import { describe, expect, it } from 'vitest'
import { conserved } from '../testing/conserved.js'
import { FOLDER, TwoHosts, twoHosts } from '../testing/two-hosts.js'

const BAD = '00:16:3e:00:00:66'
const REFS = 2048

interface Trial {
  readonly pair: TwoHosts
  /** What the host was told of the guest. */
  readonly evidence: string[]
  /** Lets go of each page that the guest has mapped behind its accelerator's back. */
  readonly held: (() => void)[]
}

/** A guest beside a good one maps its VI's pages once more, by itself, and unloads its half. */
async function trial(misbehaviour?: HostValue['misbehaviour']): Promise<Trial> {
  const value = twoHosts()
  const a = misbehaviour === undefined ? value.hosts.a : { ...value.hosts.a, misbehaviour }
  const pair = await TwoHosts.make({ ...value, hosts: { ...value.hosts, a } })
  const host = pair.world.host('a')
  await pair.world.drive(host.addGuest('bad', { vifs: { vif0: { mac: BAD, accel: 'eth0' } } }))
  await pair.load()
  pair.start()
  await pair.for(5)
  const evidence: string[] = []
  host.plugins.events.on('punished', (told) => void evidence.push(`${told.vif} ${told.evidence}`))
  const { domain, plugins } = pair.world.guest('a.bad')
  const held: (() => void)[] = []
  for (let ref = 8; ref < REFS; ref++) {
    const page = domain.grantOps.map(host.driver.id, ref, 'ro')
    if (typeof page !== 'number') held.push(() => domain.grantOps.unmap(page))
  }
  expect(held.length).toBeGreaterThan(0)
  await pair.world.drive(plugins.loader.unload('sfc_netfront', 'frontend'))
  // Little traffic while the second passes after which the host looks again.
  for (const stack of pair.stacks) stack.stop()
  await pair.for(1200)
  return { pair, evidence, held }
}

async function expectGoodNeighbours({ pair }: Trial): Promise<void> {
  expect(pair.phases().slice(0, 1)).toEqual(['active'])
  pair.start()
  await pair.for(5)
  const from = pair.counts()
  await pair.for(10)
  expect(pair.fastShare(from)).toBeGreaterThan(0.9)
  await pair.unload()
  expect(await conserved(pair)).toEqual([])
  await pair.world.close()
}

describe('scenario 25: a guest that keeps a grant mapped at teardown', () => {
  it('scenario 25: report, the default: told once; its pages stay away until it lets go', async () => {
    const result = await trial()
    const { pair, evidence, held } = result
    expect(evidence).toEqual([`vif2.0 it still maps ${held.length} pages of its accelerator's`])
    await pair.for(3000)
    expect(evidence.length).toBe(1)
    const { kept } = pair.world.host('a').plugins.accelerators
    expect([kept.mapped.length, kept.pagesOnLoan > 0]).toEqual([held.length, true])
    for (const letGo of held) letGo()
    await pair.for(1100)
    expect([kept.mapped.length, kept.pagesOnLoan]).toEqual([0, 0])
    await expectGoodNeighbours(result)
  })

  it('scenario 25: detach: its vif is taken from the accelerator until its key changes', async () => {
    const result = await trial('detach')
    const { pair, evidence } = result
    expect(evidence.length).toBe(1)
    await pair.world.drive(pair.world.guest('a.bad').plugins.loader.load(readPlugin(FOLDER), 'frontend'))
    await pair.for(100)
    expect(pair.world.vif('a.bad.vif0').phase).toBe('none')
    await pair.world.setAccel('a.bad.vif0', undefined)
    // A key that is back before anybody has looked has not changed.
    await pair.for(5)
    await pair.world.setAccel('a.bad.vif0', 'eth0')
    expect(await pair.until(() => pair.world.vif('a.bad.vif0').phase === 'active', 200)).toBe(true)
    await expectGoodNeighbours(result)
  })

  it('scenario 25: crash, as the original did: the guest ends, and all it held is back', async () => {
    const result = await trial('crash')
    const { pair, evidence } = result
    await pair.for(1100)
    expect(evidence.length).toBe(1)
    expect([...pair.world.host('a').guests.keys()]).toEqual(['guest1'])
    const { kept } = pair.world.host('a').plugins.accelerators
    expect([kept.mapped.length, kept.pagesOnLoan]).toEqual([0, 0])
    expect(pair.world.host('a').hypervisor.zombies).toEqual([])
    await expectGoodNeighbours(result)
  })
})
