// Versions and packages.
import type { Rule } from './types.js'

export const versionRules: readonly Rule[] = [
  {
    id: 'VN-01',
    sentence:
      'The manifest fits the schema; its artefacts exist and export one `defineAccelerator` result with the halves it names.',
    why: 'What a plugin is must be known before any of its code runs.',
    checkedBy: 'reading the package before code runs',
    saboteur: 'names a backend artefact that has only a frontend',
    marks: [],
    implies: [],
  },
  {
    id: 'VN-02',
    sentence: 'A half works at every version of its range and uses nothing newer than `context.version`.',
    why: "The original took one number and left the rest to luck; a newer caller is told the host's version and may come down to it.",
    checkedBy: 'fake hosts at min − 1, min, max, max + 1',
    saboteur: 'says [1, 2], uses a door of 2 when 1 was agreed',
    marks: [],
    implies: [],
  },
  {
    id: 'VN-03',
    sentence: 'The artefact requires core and declared `node:` modules only and reads no other code.',
    why: 'The bytes that are hashed are the bytes that run, and a generation that brought nothing in can be dropped whole.',
    checkedBy: 'recording `require`, refusing `import()`',
    saboteur: 'reads a second file from disk and evaluates it',
    marks: [],
    implies: [],
  },
  {
    id: 'VN-04',
    sentence: 'Evaluating and setting up touch nothing outside the context.',
    why: 'The original leaked a debugfs tree and a work queue when its module init failed; what is outside the context nobody undoes.',
    checkedBy: 'globals, prototypes, listeners, handles before and after',
    saboteur: '`process.on` in set-up',
    marks: [],
    implies: ['LC-13'],
  },
  {
    id: 'VN-05',
    sentence: 'A declared capability is seen at work.',
    why: 'A capability switches work of the host on; one that is only claimed wastes it and misleads who chooses the plugin.',
    checkedBy: 'traffic that needs each, counted at the doors',
    saboteur: 'declares `tx-gso`, declines every GSO frame',
    marks: [],
    implies: [],
  },
  {
    id: 'VN-06',
    sentence: 'What is not declared does not happen.',
    why: 'The host leaves out the checks and fences for what is not declared.',
    checkedBy: 'the same traffic; counts at the doors',
    saboteur: 'merges frames without `rx-merge`',
    marks: [],
    implies: [],
  },
  {
    id: 'VN-07',
    sentence: 'Halves whose versions do not fit both end *declined* with nothing left.',
    why: 'In the original a guest went on to the state after HELLO though the versions differed, and the next message met a BUG.',
    checkedBy: 'a twin of the other half one version off',
    saboteur: 'goes on as if greeted after the mismatch',
    marks: [],
    implies: [],
  },
]
