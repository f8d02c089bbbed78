import { expect, it } from 'vitest'
import { constants } from './constants.mjs'

it('makes constants of what is never assigned to, and leaves all else as it is', async () => {
  const kept = `var later, other = 2;
var count = 1;
function next() {
  return count++;
}
var high = 5, Wide = class {
  field;
}, low;
`
  const constant = (word) => `${word} size = 1, Ring = class {
  read() {
    return size;
  }
};
${word} text = "var count = 1";
`
  const map = {}
  const { code, map: same } = await constants.renderChunk(constant('var') + kept, { map })
  expect(code).toBe(constant('const') + kept)
  expect(same).toBe(map)
})

it('says of a chunk that cannot be read where', async () => {
  await expect(constants.renderChunk('let = ;', {})).rejects.toThrow('line 1 of a chunk is wrong: let = ;')
})
