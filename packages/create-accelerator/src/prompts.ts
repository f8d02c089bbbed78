import { cancel, confirm, intro, isCancel, select, text } from '@clack/prompts'
import {
  DEFAULT_KIND,
  DEFAULT_LICENSE,
  defaultDescription,
  KINDS,
  kindNames,
  LICENSES,
  nameProblem,
} from './answers.js'
import type { Answers } from './answers.js'
import { CreateError } from './errors.js'

/**
 * Asks for what was not given, one question each.
 * @throws CreateError CANCELLED
 */
export async function ask(given: Partial<Answers>): Promise<Answers> {
  intro('A new network accelerator plugin')
  const name =
    given.name ??
    answered(
      await text({
        message: 'Name of the package?',
        placeholder: 'my-nic',
        validate: (value) => nameProblem(value ?? ''),
      }),
    )
  const kind =
    given.kind ??
    answered(
      await select({
        message: 'What kind?',
        initialValue: DEFAULT_KIND,
        options: kindNames.map((value) => ({ value, label: value, hint: KINDS[value] })),
      }),
    )
  const description = given.description ?? (await describe(defaultDescription(kind)))
  const license =
    given.license ??
    answered(
      await select({
        message: 'Under which licence?',
        initialValue: DEFAULT_LICENSE,
        options: LICENSES.map((value) => ({ value, label: value })),
      }),
    )
  const local = given.local ?? (await askFolder())
  const install = given.install ?? answered(await confirm({ message: 'Run npm install now?' }))
  return { name, kind, description, license, local, install }
}

async function describe(initial: string): Promise<string> {
  return answered(await text({ message: 'What does it do?', placeholder: initial, defaultValue: initial }))
}

async function askFolder(): Promise<string | undefined> {
  const message = 'A folder of tarballs to take the netaccel packages from? Empty: the registry.'
  const folder = answered(await text({ message, defaultValue: '' }))
  return folder === '' ? undefined : folder
}

function answered<Value>(value: Value): Exclude<Value, symbol> {
  if (!isCancel(value)) return value as Exclude<Value, symbol>
  cancel('Nothing was made.')
  throw new CreateError('CANCELLED', 'The questions were broken off.')
}
