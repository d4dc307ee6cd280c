// How far a meter, or a revision of one, is filled from the event log.

import { z } from 'zod'
import { REPLAY_BLOCKS_SHOWN } from '../../log/limits.ts'

export const fillingSchema = z.object({
  done: z.int().meta({ description: 'Blocks of the event log that are counted into it.', example: 120 }),
  of: z.int().meta({
    description: `… of so many that it knows of, or ${REPLAY_BLOCKS_SHOWN.toLocaleString('en')} more.`,
    example: 365,
  }),
})
