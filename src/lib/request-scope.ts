import { AsyncLocalStorage } from 'node:async_hooks'

/** What a span waits for. */
export type SpanSystem = 'postgresql' | 'redis' | 'twilio' | 'smtp'

/** Says that what a span tells of is over, and whether it failed. */
export type EndSpan = (hasFailed?: boolean) => void

/** The spans of one request that is traced. */
export interface Trace {
  /** 32 hexadecimal digits, as in a traceparent (W3C Trace Context). */
  readonly id: string
  /**
   * Begins a span inside the operation, or inside the request while that is not known. `what` is one of few texts: the
   * statement without its parameters, the name of the command.
   */
  begin(system: SpanSystem, what: string): EndSpan
  /** Begins the span of the operation, which lasts until the request is answered. */
  beginOperation(name: string): void
  end(status: number): void
}

/** The request that the code at hand works for. */
export interface RequestScope {
  readonly requestId: string
  /** By performance.now(). */
  readonly arrivedAt: number
  readonly trace: Trace | undefined
  /** What outlives its request, such as a timer that it started, does not work for it any more. */
  isOver: boolean
}

const scopes = new AsyncLocalStorage<RequestScope>()

/** Does `work` for a request: `currentRequest` finds it there, and in all that it awaits. */
export const runInScope = <T>(scope: RequestScope, work: () => T): T => scopes.run(scope, work)

/** For logs, metrics and traces alone: what the product does depends on its arguments. */
export const currentRequest = (): RequestScope | undefined => {
  const scope = scopes.getStore()
  return scope?.isOver ? undefined : scope
}

/** What names a request in a log line. */
export const factsOf = ({ requestId, trace }: RequestScope): { requestId: string; traceId?: string } =>
  trace ? { requestId, traceId: trace.id } : { requestId }

/** Does `work` as a span of the request it is done for. Where that is not traced, it is just done. */
export const traced = <T>(system: SpanSystem, what: string, work: () => Promise<T>): Promise<T> => {
  const end = currentRequest()?.trace?.begin(system, what)
  return end ? ended(end, work()) : work()
}

/** Ends a span as `work` ends. */
export const ended = <T>(end: EndSpan, work: Promise<T>): Promise<T> =>
  work.then(
    (result) => {
      end()
      return result
    },
    (problem) => {
      end(true)
      throw problem
    },
  )
