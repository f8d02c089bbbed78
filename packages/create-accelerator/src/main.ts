import { spawnSync } from 'node:child_process'
import { relative } from 'node:path'
import { DEFAULT_KIND, DEFAULT_LICENSE, defaultDescription } from './answers.js'
import type { Answers } from './answers.js'
import { createAccelerator, installRecord, isWholeFolder, ownVersion } from './create.js'
import type { Created } from './create.js'
import { CreateError } from './errors.js'
import { readFlags } from './flags.js'
import { tarballFolder } from './origin.js'

/** The world that the command runs in; tests give their own. */
export interface Surroundings {
  readonly cwd: string
  /** Somebody can be asked. */
  readonly isTerminal: boolean
  print(line: string): void
  /** The `.package-lock.json` that says where this package was installed from. */
  readonly record: string
  /** Exit code of `npm install` in the folder. */
  install(folder: string): number
}

/** The command. Returns the exit code: 0, or 1 when no package was made or its dependencies could not be installed. */
export async function main(args: readonly string[], around: Surroundings = terminal()): Promise<number> {
  try {
    const { answers: given, yes, done } = readFlags(args, ownVersion())
    if (done) return 0
    const answers = await complete(given, yes, around)
    finish(createAccelerator(answers, around.cwd), answers, around)
    return 0
  } catch (error) {
    if (!(error instanceof CreateError)) throw error
    around.print(error.message)
    return 1
  }
}

async function complete(given: Partial<Answers>, yes: boolean, around: Surroundings): Promise<Answers> {
  const local = given.local ?? tarballFolder(around.record, isWholeFolder)
  if (given.local === undefined && local !== undefined)
    around.print(
      `The netaccel packages are taken from the tarballs in ${local}, where this command came from.`,
    )
  const known = local === undefined ? given : { ...given, local }
  if (around.isTerminal && !yes) {
    const { ask } = await import('./prompts.js')
    return ask(known)
  }
  const { name, kind = DEFAULT_KIND } = known
  if (name === undefined)
    throw new CreateError('NO_NAME', 'Give the new package a name: npm create @netaccel/accelerator my-nic')
  return {
    name,
    kind,
    description: known.description ?? defaultDescription(kind),
    license: known.license ?? DEFAULT_LICENSE,
    local,
    install: known.install ?? false,
  }
}

function finish({ folder, files }: Created, answers: Answers, around: Surroundings): void {
  const shown = relative(around.cwd, folder)
  around.print(`Made ${answers.name} (${answers.kind}) in ./${shown}: ${files.length} files.`)
  if (answers.install && around.install(folder) !== 0)
    throw new CreateError(
      'INSTALL_FAILED',
      `npm could not install what ${answers.name} depends on; run npm install in ./${shown} when that is mended.`,
    )
  const next = answers.install ? ['npm test', 'npm run check'] : ['npm install', 'npm test']
  around.print('')
  around.print('Next:')
  for (const command of [`cd ${shown}`, ...next]) around.print(`  ${command}`)
}

function terminal(): Surroundings {
  return {
    cwd: process.cwd(),
    isTerminal: process.stdin.isTTY && process.stdout.isTTY,
    print: (line) => void process.stdout.write(`${line}\n`),
    record: installRecord(),
    install: (folder) =>
      spawnSync('npm', ['install'], { cwd: folder, stdio: 'inherit', shell: process.platform === 'win32' })
        .status ?? 1,
  }
}
