// A bundler makes a `var` of every `const` at the top of a file, since it may have to hoist it. V8 writes what a `const`
// holds into its machine code; a `var` it loads at each use, and tests what kind of value it is before each sum.
import { transform } from 'esbuild'

const DECLARATION = /^var (?=[\w$]+ = )/

/**
 * Plugin of tsup: what is declared at the top of a chunk and never assigned to is a `const` again. Which those are esbuild
 * says itself: all are made so, and those that it complains of go back.
 */
export const constants = {
  name: 'constants',
  async renderChunk(code, { map }) {
    const lines = code.split('\n')
    const changed = [...lines.keys()].filter((at) => DECLARATION.test(lines[at]))
    for (;;) {
      const tried = [...lines]
      for (const at of changed) tried[at] = lines[at].replace(DECLARATION, 'const ')
      const wrong = await complaint(tried.join('\n'))
      if (wrong === undefined) return { code: tried.join('\n'), map }
      // The declaration may go over several lines.
      const first = changed.findLastIndex((at) => at <= wrong)
      if (first < 0) throw new Error(`line ${wrong + 1} of a chunk is wrong: ${lines[wrong]}`)
      changed.splice(first, 1)
    }
  },
}

/** A line, from 0, of a declaration that cannot be a constant: without a value, or assigned to. */
async function complaint(code) {
  const { errors = [], warnings } = await transform(code, { logLevel: 'silent' }).catch((failure) => failure)
  if (errors.length > 0) return errors[0].location.line - 1
  const assigned = warnings.find(({ id }) => id === 'assign-to-constant')
  return assigned === undefined ? undefined : assigned.notes[0].location.line - 1
}
