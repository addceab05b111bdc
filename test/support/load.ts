import { setTimeout as pause } from 'node:timers/promises'
import type { Answer } from './client.ts'

export interface Sample {
  /** When it was sent, by performance.now(). */
  readonly sentAt: number
  readonly milliseconds: number
  /** `OK`, or the code of the refusal. */
  readonly outcome: string
}

/** Sends over and over, so many at a time, until `stop`; each of them waits a little before its next. */
export const startLoad = (count: number, send: () => Promise<Answer<unknown>>, pauseMs = 0) => {
  const samples: Sample[] = []
  let isStopped = false
  const loop = async () => {
    while (!isStopped) {
      const sentAt = performance.now()
      const { errors } = await send()
      const outcome = errors?.[0]?.extensions.code ?? 'OK'
      samples.push({ sentAt, milliseconds: performance.now() - sentAt, outcome })
      if (pauseMs > 0) await pause(pauseMs)
    }
  }
  const loops = Array.from({ length: count }, loop)
  return {
    samples: samples as readonly Sample[],
    async stop(): Promise<readonly Sample[]> {
      isStopped = true
      await Promise.all(loops)
      return samples
    },
  }
}

export const percentile = (samples: readonly Sample[], share: number): number => {
  const times = samples.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b)
  return times[Math.ceil(times.length * share) - 1] ?? Number.NaN
}

export const slowest = (samples: readonly Sample[]): number => percentile(samples, 1)
