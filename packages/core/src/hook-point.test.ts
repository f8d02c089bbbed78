import { describe, expect, it } from 'vitest'
import { HookPoint } from './hook-point.js'

interface Seen {
  received(frame: number): void
}
const seen = { received: 'sync' } as const

describe('a hook point', () => {
  it('has no generation while nothing is installed', () => {
    const point = new HookPoint<Seen>(seen)
    expect(point.current).toBeNull()
    point.install('a', {}).remove()
    expect(point.current).toBeNull()
  })

  it('calls every tap in order', () => {
    const point = new HookPoint<Seen>(seen)
    const log: string[] = []
    point.install('a', { received: (frame) => void log.push(`a${frame}`) })
    point.install('b', { received: (frame) => void log.push(`b${frame}`) })
    point.current?.calls.received(1)
    expect(log).toEqual(['a1', 'b1'])
    expect(point.current?.names).toEqual(['a', 'b'])
  })

  it('builds the next generation from the survivors and leaves the old one as it is', () => {
    const point = new HookPoint<Seen>(seen)
    const log: string[] = []
    const a = point.install('a', { received: (frame) => void log.push(`a${frame}`) })
    point.install('b', { received: (frame) => void log.push(`b${frame}`) })
    const old = point.current
    a.remove()
    a.remove()
    point.current?.calls.received(2)
    expect(log).toEqual(['b2'])
    expect([old?.number, point.current?.number]).toEqual([2, 3])
    expect(Object.isFrozen(old)).toBe(true)
    expect(old?.names).toEqual(['a', 'b'])
  })

  it('stops a bail hook at the first answer', () => {
    const point = new HookPoint<{ offer(frame: number): string | undefined }>({ offer: 'bail' })
    const asked: string[] = []
    const tap = (name: string, answer: string | undefined) =>
      point.install(name, {
        offer: () => {
          asked.push(name)
          return answer
        },
      })
    tap('declines', undefined)
    tap('accepts', 'accepted')
    tap('never asked', 'busy')
    expect(point.current?.calls.offer(1)).toBe('accepted')
    expect(asked).toEqual(['declines', 'accepts'])
  })

  it('awaits each tap of a series before the next', async () => {
    const point = new HookPoint<{ closing(reason: string): Promise<void> }>({ closing: 'series' })
    const log: string[] = []
    let letGo = (): void => {}
    point.install('a', {
      closing: async (reason) => {
        log.push(`a ${reason}`)
        await new Promise<void>((resolve) => (letGo = resolve))
        log.push('a done')
      },
    })
    point.install('b', { closing: async (reason) => void log.push(`b ${reason}`) })
    const all = point.current?.calls.closing('reset')
    await Promise.resolve()
    expect(log).toEqual(['a reset'])
    letGo()
    await all
    expect(log).toEqual(['a reset', 'a done', 'b reset'])
  })

  it('shares nothing between sixteen points', () => {
    const points = Array.from({ length: 16 }, () => new HookPoint<Seen>(seen))
    const counts = points.map(() => 0)
    const installed = points.map((point, index) =>
      point.install(`p${index}`, {
        received: (frame) => void (counts[index] = (counts[index] ?? 0) + frame),
      }),
    )
    for (const [index, point] of points.entries()) point.current?.calls.received(index + 1)
    expect(counts).toEqual(points.map((_, index) => index + 1))
    for (const [index, installation] of installed.entries()) if (index % 2 === 0) installation.remove()
    for (const point of points) point.current?.calls.received(100)
    expect(counts).toEqual(points.map((_, index) => index + 1 + (index % 2 === 0 ? 0 : 100)))
    expect(points.map((point) => point.current?.number ?? 0)).toEqual(points.map((_, index) => index % 2))
  })
})
