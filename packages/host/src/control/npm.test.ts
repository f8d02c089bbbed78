import { expect, it } from 'vitest'
import { meaning } from './npm.js'

const plain = { message: 'Command failed: npm install' }

it.each<[string, string, string]>([
  [
    'a missing package is named',
    "npm error code E404\nnpm error 404 Not Found\nnpm error 404  '@me/nic@^1' is not in this registry.",
    'E404 (@me/nic@^1), the registry has no such package',
  ],
  [
    'changed bytes',
    'npm error code EINTEGRITY\nnpm error sha512-…',
    'EINTEGRITY, the bytes of a package are not',
  ],
  ['no network', 'npm error code EAI_AGAIN', 'EAI_AGAIN, the registry cannot be reached'],
  [
    "another code: npm's own first lines, without its warnings",
    'npm warn deprecated x\nnpm error code EODD\nnpm error it is odd\nnpm error really\nnpm error A complete log of this',
    'EODD, it is odd, really',
  ],
  ['nothing said', '', 'Command failed: npm install'],
])('%s', (_what, stderr, sentence) => {
  expect(meaning(plain, stderr).startsWith(sentence)).toBe(true)
})

it('npm that is not there', () => {
  expect(meaning({ ...plain, code: 'ENOENT' }, '')).toBe('npm is not installed, or not in PATH')
})
