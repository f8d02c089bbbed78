// Scripts that the kit has printed, played again.
import { around, replay, TestkitError, vary } from '@netaccel/testkit'
import type { PluginSource } from '@netaccel/testkit'
import { expect, it } from 'vitest'
import { soundSource } from './index.js'

/** One in ten frames that come by the fast path is lost. */
function lossy(): PluginSource {
  let count = 0
  const losing = around(() => ({
    queueDoors: (doors) =>
      vary(doors, {
        deliver(frame) {
          count += 1
          if (count % 10 === 0) frame.release()
          else doors.deliver(frame)
        },
      }),
  }))
  return { ...soundSource('accel-solarflare-sim'), vary: losing }
}

it('plays a script to the same end each time', async () => {
  const script = 'load; unwish'
  const found = await replay({ plugin: lossy(), script })
  expect(found[0]).toEqual({
    sentence: expect.stringMatching(/^fast path in does not balance: \d+ segments in, \d+ out, 0 dropped\.$/),
    context: [`replay: ${script}`],
  })
  expect(await replay({ plugin: lossy(), script })).toEqual(found)
})

it('finds nothing in a sound plugin', async () => {
  const script = 'load traffic; unwish, wish; unload'
  expect(await replay({ plugin: soundSource('accel-dummy'), script })).toEqual([])
})

it('a word that no script has is an error that lists those that there are', async () => {
  const playing = replay({ plugin: soundSource('accel-dummy'), script: 'load; sing' })
  await expect(playing).rejects.toThrow(TestkitError)
  await expect(playing).rejects.toThrow(/^BAD_SCRIPT: "load; sing"; the words are load, unload, /)
})
