import { privateArena } from '@netaccel/packet'
import type { Arena } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { NO_PAGE, RxPages } from './rx-pages.js'

const pagesOf = (count: number): RxPages => new RxPages(privateArena(count * 4096) as unknown as Arena)

describe('the pages of a queue', () => {
  it('are posted in turn, so that neighbours stay neighbours', () => {
    const pages = pagesOf(6)
    expect([pages.post(), pages.post(), pages.post()]).toEqual([0, 1, 2])
    for (const page of [0, 1, 2]) pages.discard(page)
    expect([pages.post(), pages.post(), pages.post(), pages.post()]).toEqual([3, 4, 5, 0])
  })

  it('go round the first few while those suffice, and further when the stack holds them', () => {
    const pages = pagesOf(6)
    pages.keepTo(3)
    expect([pages.post(), pages.post()]).toEqual([0, 1])
    const frame = pages.deliver(0, 1, 0, 60)
    pages.discard(1)
    expect([pages.post(), pages.post(), pages.post()]).toEqual([2, 1, 3])
    frame.release()
    expect([pages.post(), pages.post(), pages.post(), pages.post()]).toEqual([4, 5, 0, NO_PAGE])
    expect(pages.free).toBe(0)
  })
})
