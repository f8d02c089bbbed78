// What a frontend may write about its queues and must not get away with.
import { describe, expect, it } from 'vitest'
import { RawFrontend } from './raw-frontend.js'

const CLOSING = '5'
const CONNECTED = '4'

/** What the driver domain holds for the guest. */
function held({ driver }: RawFrontend) {
  const { mappings, ports, watches } = driver.resources()
  return { mappings, ports, watches }
}

async function queuesOf(raw: RawFrontend, count: number): Promise<Record<string, string>> {
  const keys = Array.from({ length: count }, (_, index) => raw.queueKeys(`queue-${index}/`))
  return Object.assign({ 'multi-queue-num-queues': String(count) }, ...keys) as Record<string, string>
}

describe('a number of queues that no backend offers', () => {
  it.each([
    ['num-queues 0 (a zero-size allocation in Linux, 2026)', '0', 'is 0: 1 to 4'],
    ['one more than is offered', '5', 'is 5: 1 to 4'],
    ['2^32 - 1', '4294967295', 'is 4294967295: 1 to 4'],
    ['2^32', '4294967296', 'is "4294967296": give a number'],
    ['a negative number', '-1', 'is "-1": give a number'],
    ['no number', 'many', 'is "many": give a number'],
  ])('%s: told in the error node, Closing, and it stays Closing', async (_name, count, sentence) => {
    const raw = await RawFrontend.make({ maxQueues: 4 })
    await raw.pass(1)
    const before = held(raw)
    await raw.connect({ ...(await queuesOf(raw, 2)), ...raw.queueKeys(''), 'multi-queue-num-queues': count })
    const { state, error } = await raw.told()
    expect(state).toBe(CLOSING)
    expect(error).toContain(`multi-queue-num-queues ${sentence}`)
    await raw.pass(1000)
    expect((await raw.told()).state).toBe(CLOSING)
    expect(raw.vif.carrier).toBe(false)
    expect(held(raw)).toEqual(before)
  })
})

describe('queues of which one cannot be connected', () => {
  it.each([
    ['its directory is missing', (keys: Record<string, string>) => dropQueue(keys, 'queue-2/')],
    ['its RX ring is missing', (keys: Record<string, string>) => dropQueue(keys, 'queue-2/rx-ring-ref')],
    ['a grant of nobody', (keys: Record<string, string>) => ({ ...keys, 'queue-2/tx-ring-ref': '4711' })],
    ['a channel of nobody', (keys: Record<string, string>) => ({ ...keys, 'queue-2/event-channel': '999' })],
    ['flat keys only', (keys: Record<string, string>) => dropQueue(keys, 'queue-')],
  ])('%s: the others are undone, and nothing is held', async (_name, spoil) => {
    const raw = await RawFrontend.make({ maxQueues: 4 })
    await raw.pass(1)
    const before = held(raw)
    await raw.connect(spoil({ ...raw.queueKeys(''), ...(await queuesOf(raw, 3)) }))
    expect((await raw.told()).state).toBe(CLOSING)
    expect(held(raw)).toEqual(before)
    expect(raw.vif.queueCount).toBe(1)
  })
})

function dropQueue(keys: Record<string, string>, prefix: string): Record<string, string> {
  return Object.fromEntries(Object.entries(keys).filter(([key]) => !key.startsWith(prefix)))
}

it('a frontend that knows nothing of queues writes flat keys and has one', async () => {
  const raw = await RawFrontend.make({ maxQueues: 4 })
  await raw.connect(raw.queueKeys(''))
  expect((await raw.told()).state).toBe(CONNECTED)
  expect(raw.vif.queueCount).toBe(1)
})

it('a frontend that names one channel of two has none', async () => {
  const raw = await RawFrontend.make()
  const { 'event-channel': tx = '', ...keys } = raw.queueKeys('')
  await raw.connect({ ...keys, 'event-channel-tx': tx })
  expect((await raw.told()).state).toBe(CLOSING)
})

it('one grant for all the rings of two queues: both are served, and nothing is held afterwards', async () => {
  const raw = await RawFrontend.make({ maxQueues: 2 })
  await raw.pass(1)
  const before = held(raw)
  const { ref } = raw.ring()
  const same = { 'tx-ring-ref': ref, 'rx-ring-ref': ref }
  await raw.connect({
    'multi-queue-num-queues': '2',
    ...raw.queueKeys('queue-0/', same),
    ...raw.queueKeys('queue-1/', same),
  })
  expect((await raw.told()).state).toBe(CONNECTED)
  await raw.write({ state: '6' })
  await raw.pass(10)
  expect(held(raw)).toEqual(before)
})

it('64 queues, the most that there can be', async () => {
  const raw = await RawFrontend.make({ maxQueues: 64, smallFrames: 8, jumboFrames: 1 })
  const keys = await queuesOf(raw, 64)
  await raw.connect(keys)
  expect((await raw.told()).state).toBe(CONNECTED)
  expect(raw.vif.queueCount).toBe(64)
})
