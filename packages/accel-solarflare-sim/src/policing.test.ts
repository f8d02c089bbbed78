// A NIC that is told to police VIs: what the plugin's guests send is dropped or held back, and the books balance.
import { makeFlows } from '@netaccel/host'
import type { NicValue, WorldValue } from '@netaccel/host'
import { Random } from '@netaccel/packet'
import { expect, it } from 'vitest'
import { TCP_ONLY, TwoHosts, twoHosts } from './testing/two-hosts.js'

/** Host a's NIC polices. */
function policing(police: NicValue['police']): WorldValue {
  const value = twoHosts()
  const { a, b } = value.hosts
  return { ...value, hosts: { a: { ...a, nics: { eth0: { ...a.nics!.eth0, police } } }, b } }
}

it('a guest that sends under a foreign address by its VI is heard no more; the verdict names it as asked for', async () => {
  const pair = await TwoHosts.make(policing({ sourceMac: true }))
  await pair.load()
  pair.start(4, TCP_ONLY)
  await pair.for(10)
  const random = new Random(7)
  const forged = makeFlows(
    { mac: '00:16:3e:00:00:99', ip: '10.0.0.1' },
    { mac: '00:16:3e:00:00:02', ip: '10.0.0.2' },
    4,
    TCP_ONLY,
    random,
  )
  pair.stacks[0].start(forged, { burst: 16, gapNs: 50_000 })
  await pair.for(10)
  for (const stack of pair.stacks) stack.stop()
  await pair.world.drain()
  const verdict = pair.world.judge()
  const spoofed = verdict.asked.nic_vi_spoofed ?? 0
  expect(spoofed).toBeGreaterThan(100)
  expect(verdict).toMatchObject({ verdict: 'nothing lost', reasons: [], oracle: { missing: spoofed } })
  await pair.unload()
  await pair.world.close()
})

it('a guest above its rate waits: its VI carries what was allowed, and nothing is lost', async () => {
  const pair = await TwoHosts.make(policing({ mbps: 500 }))
  await pair.load()
  const { device } = pair.world.nic('a.eth0')
  pair.start(4, TCP_ONLY)
  await pair.for(10)
  const from = device.statistics().viTxBytes
  await pair.for(20)
  const mbps = ((device.statistics().viTxBytes - from) * 8) / 20_000
  expect(mbps).toBeGreaterThan(450)
  expect(mbps).toBeLessThan(550)
  expect(await pair.settle()).toEqual([])
  await pair.unload()
  await pair.world.close()
})
