import type { IncomingHttpHeaders } from 'node:http'
import type { Trace } from '../lib/request-scope.ts'
import type { Deliver } from '../messaging/message.ts'

export interface Tracing {
  /**
   * Begins the trace of a request, as a part of its caller's where `traceparent` names one (W3C Trace Context); undefined where
   * it is not to be recorded.
   */
  begin(headers: IncomingHttpHeaders, arrivedAt: number): Trace | undefined
  /** Has each mail delivered in a trace of its own: no request waits for it. */
  traceDelivery(deliver: Deliver): Deliver
  /** Sends what was recorded, for as long as a stop may take. */
  close(): Promise<void>
}

/** Where no collector is configured. */
export const noTracing: Tracing = {
  begin: () => undefined,
  traceDelivery: (deliver) => deliver,
  close: async () => {},
}
