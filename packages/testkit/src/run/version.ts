import { createRequire } from 'node:module'

const { version } = createRequire(import.meta.url)('@netaccel/testkit/package.json') as { version: string }

/** Version of this kit: stands in every report. */
export const KIT_VERSION = version
