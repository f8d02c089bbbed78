import { expect, it } from 'vitest'
import { build } from './build.js'

it('proves also in a world in which nothing is due', async () => {
  const world = await build({ hosts: { a: {} } })
  expect(await world.prove()).toEqual({ proven: 0, leaked: [] })
  await world.close()
})
