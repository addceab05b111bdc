import type { ChainPosition } from './verification.ts'

/** The newest head that this process has seen: who sets the log back to an older one is told by those who saw a later. */
export interface SeenHead {
  newest(): ChainPosition | null
  /** Takes only heads whose signature was checked. */
  note(head: ChainPosition): void
}

export const createSeenHead = (): SeenHead => {
  let newest: ChainPosition | null = null
  return {
    newest: () => newest,
    note({ sequence, hash }) {
      if (sequence > (newest?.sequence ?? 0)) newest = { sequence, hash }
    },
  }
}
