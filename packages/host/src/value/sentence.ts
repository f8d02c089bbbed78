/** A link is a sentence: `'guest1.vif0 -> bridge'`. */
export interface Sentence {
  readonly from: string
  readonly to: string
}

const SENTENCE = /^\s*([A-Za-z][\w.-]*)\s*->\s*([A-Za-z][\w.-]*)\s*$/

/** Read one sentence; undefined if it is none. */
export function parseSentence(text: string): Sentence | undefined {
  const match = SENTENCE.exec(text)
  if (match === null) return undefined
  return { from: match[1], to: match[2] }
}
