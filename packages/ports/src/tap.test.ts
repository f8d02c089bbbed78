import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { TapDevice } from './tap-device.js'

const RIG = fileURLToPath(new URL('fixtures/tap-rig.mjs', import.meta.url))

/** Why real TAPs cannot be tried here; undefined when they can. */
function obstacle(): string | undefined {
  if (process.platform !== 'linux') return 'this is not Linux'
  const script = 'exec 3<>/dev/net/tun && ip link'
  const tried = spawnSync('unshare', ['-n', 'sh', '-c', script], { encoding: 'utf8' })
  return tried.status === 0 ? undefined : `the system refuses (${(tried.stderr ?? 'no unshare').trim()})`
}

const why = obstacle()
if (why !== undefined) console.log(`real TAP tests are skipped: ${why}`)

/** Play a scene of the rig in a network namespace of its own. */
function scene<Found = Readonly<Record<string, unknown>>>(name: string): Found {
  const { stdout, stderr } = spawnSync('unshare', ['-n', process.execPath, RIG, name], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  expect(stderr).toBe('')
  return JSON.parse(stdout) as Found
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

describe.skipIf(why !== undefined)('a real TAP', () => {
  it('hands over what the kernel sends, in order, with its unfinished checksum', () => {
    interface Found {
      numbers: number[]
      first: unknown
      fromKernel: { frames: number; bytes: number }
      frames: number
      free: number
    }
    const { numbers, first, fromKernel, frames, free } = scene<Found>('fromKernel')
    expect(numbers).toEqual(upTo(500))
    expect(first).toEqual({
      number: 0,
      checksum: 'blank',
      checksumStart: 34,
      checksumOffset: 6,
      segments: 1,
      length: 142,
    })
    expect(fromKernel.frames).toBe(frames)
    expect(fromKernel.bytes).toBeGreaterThanOrEqual(500 * 142)
    expect(free).toBe(16)
  })

  it('is given finished frames when it takes no checksums', () => {
    expect(scene('finishedSums')).toMatchObject({ checksum: 'none', length: 142 })
  })

  it('leaves frames with the kernel while the device takes none, and loses none', () => {
    const { stopped, numbers, droppedBefore, free } = scene<{
      stopped: { taken: number; held: number }
      numbers: number[]
      droppedBefore: number
      free: number
    }>('backpressure')
    expect(stopped.taken).toBe(3)
    expect(stopped.held).toBeGreaterThan(0)
    expect(stopped.held).toBeLessThanOrEqual(13)
    expect(numbers).toEqual(upTo(500))
    expect(droppedBefore).toBe(0)
    expect(free).toBe(16)
  })

  it('waits for frames when the device has none', () => {
    expect(scene('starved')).toEqual({ before: 0, numbers: upTo(50), free: 2 })
  })

  it('is not read while the stack rests', () => {
    expect(scene('paused')).toEqual({ before: 0, numbers: upTo(20) })
  })

  it('gives frames to the kernel, which finishes and checks their sums; counts what it refuses', () => {
    const { heard, toKernel, dropped, free, before } = scene('toKernel')
    expect(heard).toEqual([2, 3])
    // The frame with a wrong sum is taken, and dropped by the kernel's UDP.
    expect(toKernel).toEqual({ frames: 3, segments: 3, bytes: 3 * 46 })
    expect(dropped).toEqual({ down: 1, refused: 1, full: 0, gone: 0, badHeader: 0 })
    expect(free).toBe(before)
  })

  it('ends cleanly when it is destroyed, and gives back what it held', () => {
    const { held, ...rest } = scene('destroyed')
    expect(held).toBeGreaterThan(0)
    expect(rest).toEqual({
      ended: true,
      gone: 1,
      members: 0,
      free: 16,
      dropped: { down: 0, refused: 0, full: 0, gone: 1, badHeader: 0 },
    })
  })

  it('is gone when it is closed', () => {
    expect(scene('closed')).toEqual({ there: true, after: false, code: 'CLOSED' })
  })

  it('says what is wrong with a name', () => {
    const [used, spaced, long, empty] = scene<{ code: string; message: string }[]>('errors')
    expect(used).toEqual({
      code: 'NAME_IN_USE',
      message: 'a network device "rig0" exists already: choose another name, or remove it',
    })
    expect([spaced.code, long.code, empty.code]).toEqual(['BAD_NAME', 'BAD_NAME', 'BAD_NAME'])
  })
})

describe.skipIf(process.platform !== 'linux')('without rights', () => {
  // As another user /dev/net/tun cannot be opened (mode 0600), or the device cannot be made (0666).
  const isRoot = process.getuid?.() === 0
  it.skipIf(isRoot)('says so', async () => {
    await expect(TapDevice.open('rig0')).rejects.toMatchObject({
      name: 'PortError',
      code: expect.stringMatching(/NO_RIGHTS|NO_TUN/) as string,
    })
  })
})
