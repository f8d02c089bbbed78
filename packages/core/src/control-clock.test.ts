import { VirtualClock } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { withDeadline } from './control-clock.js'

function setUp() {
  const timeline = new VirtualClock()
  return { timeline, engine: timeline.engine('guest') }
}

/** Starts `work`, runs the timeline until nothing is due, and says how it ended and when. */
async function outcome<T>(timeline: VirtualClock, work: Promise<T>): Promise<unknown> {
  let ended: unknown
  void work.then(
    (value) => (ended = { value, at: timeline.now() }),
    (error: Error) => (ended = { error: error.message.split(':')[0], at: timeline.now() }),
  )
  await timeline.run()
  return ended
}

describe('withDeadline', () => {
  it('gives the result and leaves no timer', async () => {
    const { timeline, engine } = setUp()
    const work = withDeadline(engine, 100, 'probe', async () => 'done')
    expect(await outcome(timeline, work)).toEqual({ value: 'done', at: 0 })
  })

  it('rejects at the deadline, in engine time, and aborts', async () => {
    const { timeline, engine } = setUp()
    let aborted: unknown
    const work = withDeadline(engine, 2000, 'probe', (signal) => {
      signal.addEventListener('abort', () => (aborted = signal.reason))
      return new Promise<never>(() => {})
    })
    expect(await outcome(timeline, work)).toEqual({ error: 'DEADLINE', at: 2_000_000_000 })
    expect(aborted).toMatchObject({ code: 'DEADLINE', detail: 'probe took longer than 2000 ms' })
  })

  it('passes a result that comes late to who undoes it', async () => {
    const { timeline, engine } = setUp()
    const late: string[] = []
    const slow = () => new Promise<string>((resolve) => engine.after(5_000_000, () => resolve('vi')))
    const work = withDeadline(engine, 2, 'newDevice', slow, { late: (result) => late.push(result) })
    expect(await outcome(timeline, work)).toEqual({ error: 'DEADLINE', at: 2_000_000 })
    expect(late).toEqual(['vi'])
  })

  it('is called off by the outer signal', async () => {
    const { timeline, engine } = setUp()
    const outer = new AbortController()
    engine.after(1000, () => outer.abort())
    const work = withDeadline(engine, 10, 'probe', () => new Promise<never>(() => {}), {
      outer: outer.signal,
    })
    expect(await outcome(timeline, work)).toEqual({ error: 'ABORTED', at: 1000 })
  })

  it('does not start under a signal that has aborted', async () => {
    const { timeline, engine } = setUp()
    let started = false
    const work = withDeadline(engine, 10, 'probe', () => (started = true), { outer: AbortSignal.abort() })
    expect(await outcome(timeline, work)).toEqual({ error: 'ABORTED', at: 0 })
    expect(started).toBe(false)
  })

  it('turns a throw into a rejection', async () => {
    const { timeline, engine } = setUp()
    const work = withDeadline(engine, 10, 'probe', () => {
      throw new Error('no hardware')
    })
    expect(await outcome(timeline, work)).toEqual({ error: 'no hardware', at: 0 })
  })
})
