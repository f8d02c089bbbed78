import { describe, expect, it } from 'vitest'
import { CleanupStack } from './cleanup.js'

describe('CleanupStack', () => {
  it('runs the undos newest first, waiting for each', async () => {
    const log: string[] = []
    const stack = new CleanupStack()
    stack.push('first', () => void log.push('first'))
    stack.push('second', async () => {
      log.push('second begins')
      await Promise.resolve()
      log.push('second ends')
    })
    stack.push('third', () => void log.push('third'))
    expect(stack.size).toBe(3)
    await stack.run()
    expect(log).toEqual(['third', 'second begins', 'second ends', 'first'])
    expect(stack.size).toBe(0)
    await stack.run()
    expect(log).toHaveLength(4)
  })

  it('an undo that throws does not stop the others, and is named', async () => {
    const log: string[] = []
    const stack = new CleanupStack()
    stack.push('pages', () => void log.push('pages'))
    stack.push('ports', () => {
      throw new Error('port 3 is not ours')
    })
    stack.push('grants', () => Promise.reject(new Error('still mapped')))
    const failure = stack.run()
    await expect(failure).rejects.toMatchObject({
      code: 'CLEANUP',
      message: expect.stringContaining("'grants', 'ports'") as string,
      cause: expect.objectContaining({ message: 'still mapped' }) as Error,
    })
    expect(log).toEqual(['pages'])
  })

  it('runs what an undo pushes', async () => {
    const log: string[] = []
    const stack = new CleanupStack()
    stack.push('outer', () => stack.push('inner', () => void log.push('inner')))
    await stack.run()
    expect(log).toEqual(['inner'])
  })

  it('a sequence that fails after any step k gives back exactly the k things it took', async () => {
    const steps = ['pages', 'grant', 'port', 'watch', 'poller']
    for (let failAfter = 0; failAfter <= steps.length; failAfter++) {
      const held = new Set<string>()
      const returned: string[] = []
      const stack = new CleanupStack()
      for (const step of steps.slice(0, failAfter)) {
        held.add(step)
        stack.push(step, () => {
          held.delete(step)
          returned.push(step)
        })
      }
      await stack.run()
      expect(held.size).toBe(0)
      expect(returned).toEqual(steps.slice(0, failAfter).toReversed())
    }
  })

  it('keeps everything once disarmed', async () => {
    let undone = false
    const stack = new CleanupStack()
    stack.push('kept', () => {
      undone = true
    })
    stack.disarm()
    await stack.run()
    expect(undone).toBe(false)
  })
})
