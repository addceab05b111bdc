/** The current instant. Time is a dependency, so that tests can move it. */
export type Clock = () => Date

export const systemClock: Clock = () => new Date()

/** The instant so many seconds later, or earlier where they are negative. */
export const secondsAfter = (instant: Date, seconds: number): Date => new Date(instant.getTime() + seconds * 1000)
