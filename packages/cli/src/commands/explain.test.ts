import { describe, expect, it } from 'vitest'
import { knownWords, meaningsOf } from './explain.js'

describe('explain', () => {
  it('has a meaning for every word of every table, and a sentence in each', async () => {
    const words = knownWords()
    expect(words.length).toBeGreaterThan(300)
    for (const word of words) {
      const found = await meaningsOf(word)
      expect(found.length, word).toBeGreaterThan(0)
      for (const { sentence } of found) expect(sentence, word).toMatch(/\S.*[.:]/)
    }
  })

  it.each<[string, string, string[]]>([
    ['TX-03', 'rule', ['Why: ', 'Broken, for example: busy leaves 3 of 5']],
    ['tx-03', 'rule', ['Why: ']],
    ['EEXIST', 'error', []],
    ['HOST_RUNS', 'error', []],
    ['usage', 'error', []],
    ['UNKNOWN_RULE', 'error', []],
    ['guest_died', 'drop', ['Stage: ']],
    ['netfront:draining', 'state', ['Next: ']],
    ['draining', 'state', ['Next: ']],
    ['startXmit', 'hook', ['Rules: ']],
    ['half_leaked', 'event', ['Level: ']],
    ['rx-merge', 'capability', []],
    ['3f', 'stage', ['On the way out.']],
    ['VI receives', 'stage', ['On the way in.']],
  ])('%s is a %s', async (word, kind, lines) => {
    const [found] = await meaningsOf(word)
    expect(found.kind).toBe(kind)
    for (const line of lines) expect(found.more.some((each) => each.startsWith(line))).toBe(true)
  })

  it('has none for what is in no table', async () => {
    expect(await meaningsOf('constructor')).toEqual([])
  })
})
