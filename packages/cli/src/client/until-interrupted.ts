import type { Asked } from '@netaccel/host'

/** The result of a stream, which Ctrl-C ends in good order: the host is told, and says how it went. */
export async function untilInterrupted<Result>({ result, cancel }: Asked<Result>): Promise<Result> {
  process.once('SIGINT', cancel)
  process.once('SIGTERM', cancel)
  try {
    return await result
  } finally {
    process.off('SIGINT', cancel)
    process.off('SIGTERM', cancel)
  }
}
