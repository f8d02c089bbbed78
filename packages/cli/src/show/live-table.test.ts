import { expect, it } from 'vitest'
import { LiveTable } from './live-table.js'

/** What a terminal of this size shows in the end. */
class Terminal {
  readonly columns = 12
  readonly rows = 5
  #lines = ['$ netaccel', '']

  write(text: string): boolean {
    const [move, rest, ...more] = text.split('\r\u001B[J')
    expect(more).toEqual([])
    const up = move === '' ? 0 : Number(move.slice('\u001B['.length, -'A'.length))
    const above = this.#lines.slice(0, this.#lines.length - 1 - up)
    this.#lines = [...above, ...rest.split('\n')]
    return true
  }

  get text(): string {
    return this.#lines.join('|')
  }
}

it('draws over what it has drawn, and over nothing else', () => {
  const terminal = new Terminal()
  const table = new LiveTable(terminal)
  table.draw(['one', 'two', 'three'])
  expect(terminal.text).toBe('$ netaccel|one|two|three|')
  table.draw(['four'])
  expect(terminal.text).toBe('$ netaccel|four|')
  table.draw(['five', 'six'])
  expect(terminal.text).toBe('$ netaccel|five|six|')
  table.clear()
  table.clear()
  expect(terminal.text).toBe('$ netaccel|')
})

it('cuts what would wrap or scroll', () => {
  const terminal = new Terminal()
  new LiveTable(terminal).draw(['123456789012', '1234567890123', 'c', 'd', 'e', 'f'])
  expect(terminal.text).toBe('$ netaccel|123456789012|12345678901…|c|… 3 more|')
})
